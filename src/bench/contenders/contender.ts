/**
 * Whoever takes part in a comparison runs in a process of its own, so that its memory and its compiler's state are its own,
 * and does nothing between its turns. It is told what to do as JSON, one object a line; contender.py speaks the same.
 *   argument   Assignment
 *   → { ready: Introduction }     after warming up
 *   ← { measureMs }  → { stepMs: [...] }     as often as asked
 *   ← end of input   → { peakRssMb }
 */
import type { StepSettings } from "../stepSession.js";

export const CONTENDERS = ["cbapd", "cbapd-fast", "tfjs-wasm", "tfjs-cpu", "pytorch"] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export interface Assignment extends StepSettings {
  readonly contender: ContenderName;
  /** The weights, float32 in our order and layout, one after another. */
  readonly weightsPath: string;
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Images, float32 NHWC in [0, 1], as many as `shown`: the contender's probabilities for them must be ours. */
  readonly imagesPath: string;
  readonly shown: number;
  readonly warmUpMs: number;
}

export interface Introduction {
  readonly version: string;
  /** Row-major [shown, classes], of the untrained network; of all but the strict core, whose are what they are held against. */
  readonly probabilities?: readonly number[];
}

/** What the child's main loop needs of one that is written in JavaScript. */
export interface Contender extends Introduction {
  /** Runs for about `ms` milliseconds, one step at least. @returns each step's milliseconds, or those of a few steps' mean */
  measure(ms: number): Promise<number[]>;
  close(): Promise<void>;
}
