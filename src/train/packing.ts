/**
 * A training state as JSON and tensors. JSON alone would round nothing, but has no NaN, no infinity, no -0 and no bytes;
 * and a file's header, where the JSON goes, must stay small however long the history is.
 *   Float32Array, Float64Array → { "$tensor": name }      Map → { "$map": [[key, value], …] }
 *   NaN, ±Infinity, -0 → { "$number": "NaN" }
 */
import { CbapdError, FileError, show } from "../errors.js";
import type { TypedTensor } from "../formats/safetensors.js";

const MARKS = ["$tensor", "$map", "$number"] as const;
const NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "-0": -0,
};
/** Deeper than any callback's state has a reason to be. */
const MAX_DEPTH = 32;

/**
 * What goes into the JSON; arrays go to `tensors`, as state/0, state/1, …
 * @param where in the state, for messages  @throws CbapdError for what cannot be kept
 */
export function pack(value: unknown, tensors: Map<string, TypedTensor>, where = "state"): unknown {
  const inner = (held: unknown, key: unknown) => pack(held, tensors, `${where}.${key}`);
  if (value instanceof Float32Array || value instanceof Float64Array) {
    const name = `state/${tensors.size}`;
    tensors.set(name, { shape: [value.length], data: value });
    return { $tensor: name };
  }
  if (value instanceof Map) return { $map: Array.from(value, ([key, held]) => [key, inner(held, key)]) };
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (typeof value !== "object" || value === null) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new CbapdError(
      `${where}: a callback's state must be JSON, Maps and Float32Arrays; got ${value.constructor?.name}.`,
    );
  }
  for (const mark of MARKS) {
    if (mark in value) throw new CbapdError(`${where}: a callback's state must have no key ${show(mark)}.`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, inner(held, key)]));
}

/** The reverse; takes the tensors that it finds out of `tensors`. @throws FileError */
export function unpack(value: unknown, tensors: Map<string, TypedTensor>, path: string, depth = 0): unknown {
  if (depth > MAX_DEPTH) {
    throw new FileError(`${path}: the training state is nested too deeply.`, { code: "CHECKPOINT_TOO_DEEP" });
  }
  const inner = (held: unknown) => unpack(held, tensors, path, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value !== "object" || value === null) return value;
  const damaged = (mark: string) =>
    new FileError(
      `${path}: the training state is damaged: ${show(mark)} holds ${show(Object(value)[mark])}.`,
      { code: "CHECKPOINT_STATE" },
    );
  if ("$tensor" in value) {
    const name = String(value.$tensor);
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new FileError(`${path}: tensor ${show(name)} of the training state is missing.`, {
        code: "CHECKPOINT_CALLBACK",
      });
    }
    tensors.delete(name);
    return tensor.data;
  }
  if ("$number" in value) {
    const name = String(value.$number);
    if (!Object.hasOwn(NUMBERS, name)) throw damaged("$number");
    return NUMBERS[name];
  }
  if ("$map" in value) {
    const { $map: entries } = value;
    const pairs = Array.isArray(entries) && entries.every((pair) => Array.isArray(pair) && pair.length === 2);
    if (!pairs) throw damaged("$map");
    return new Map(entries.map(([key, held]: [unknown, unknown]) => [key, inner(held)]));
  }
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, inner(held)]));
}
