/**
 * What the page and the engine say to each other. Each area has a file with its calls; a call takes one argument that can be
 * cloned, and returns what can be cloned. A call that is listed here and has no handler in the engine does not compile.
 */

import type { ExercisesCalls } from "./exercises.js";
import type { ExplainCalls } from "./explain.js";
import type { NetworkCalls } from "./network.js";
import type { OwnCalls } from "./own.js";
import type { TrainCalls, TrainEvents } from "./train.js";

export interface Calls extends NetworkCalls, TrainCalls, OwnCalls, ExplainCalls, ExercisesCalls {}
export interface Events extends TrainEvents {}

export type Argument<Name extends keyof Calls> = Parameters<Calls[Name]>[0];
export type Result<Name extends keyof Calls> = ReturnType<Calls[Name]>;

/** One handler for each call of an area. */
export type Handlers<Area> = {
  readonly [Name in keyof Area]: Area[Name] extends (argument: infer A) => infer R
    ? (argument: A) => R | Promise<R>
    : never;
};

export interface Request {
  readonly id: number;
  readonly call: keyof Calls;
  readonly argument: unknown;
}

/** Errors cross as their name and words: "ShapeError", "conv2d: kernelSize must …". */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure }
  | { readonly event: keyof Events; readonly value: unknown };

export type { GraphNodeView, NetworkSpec, NetworkView } from "./network.js";
export type { Setup } from "./train.js";
