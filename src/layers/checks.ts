/** Checks of options that several layers share. */
import { mustBe, OptionError, ShapeError, show } from "../errors.js";
import type { Padding, Shape } from "../shape.js";
import type { Initializer } from "./layer.js";

/** @throws OptionError */
export function positiveInteger(where: string, argument: string, value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1) {
    throw new OptionError(mustBe(where, argument, "be a positive integer", value));
  }
  return value as number;
}

/** @throws OptionError */
export function oneOf<T extends string>(
  where: string,
  argument: string,
  value: unknown,
  known: readonly T[],
): T {
  const found = known.find((name) => name === value);
  if (found === undefined) {
    const names = known.map((name) => show(name)).join(" or ");
    throw new OptionError(mustBe(where, argument, `be ${names}`, value));
  }
  return found;
}

/** @throws OptionError */
export function flag(where: string, argument: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new OptionError(mustBe(where, argument, "be true or false", value));
  return value;
}

export const PADDINGS: readonly Padding[] = ["same", "valid"];
export const INITIALIZERS: readonly Initializer[] = ["glorotUniform", "heUniform", "zeros", "ones"];

/** The one input of a layer that takes one, of the rank it needs. @throws ShapeError */
export function inputOfRank(name: string, inputs: readonly Shape[], rank: 1 | 3): Shape {
  const [input] = inputs;
  if (input.length !== rank) {
    const wanted = rank === 3 ? "[height, width, channels]" : "[features]";
    const hint = rank === 1 ? " Put a flatten layer before it." : "";
    throw new ShapeError(`${name}: input must have shape ${wanted}; got ${show(input)}.${hint}`);
  }
  return input;
}
