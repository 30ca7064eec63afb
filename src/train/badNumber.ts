/** From a number in memory that is infinite or NaN to what it is: whose, in which phase, at which index. */
import type { Program } from "../backend/wasm/program.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Finding } from "../workers/gang.js";
import type { Regions, WeightRegion } from "./regions.js";
import type { BadNumber } from "./session.js";

/** What an inspected step found. */
export function describeFinding(
  { program, call, output, index }: Finding,
  programs: readonly Program[],
  regions: Regions,
  buffer: ArrayBufferLike,
): BadNumber {
  const { label, outputs } = programs[program].calls[call];
  const { address, shape } = outputs[output];
  const value = new Float32Array(buffer, address, index + 1)[index];
  const byteAddress = address + index * 4;
  const held = heldAt(regions, byteAddress);
  if (label === "batch")
    return { layer: "data", phase: "data", what: "image", index: unravel(index, shape), value };
  if (label === "loss") {
    return { layer: "loss", phase: "loss", what: "its numbers", index: unravel(index, shape), value };
  }
  if (label === "update") {
    const own = { layer: "update", what: "a clipping factor", index: unravel(index, shape) };
    return { ...(held ?? own), phase: "update", value };
  }
  const cut = label.lastIndexOf(" ");
  const layer = label.slice(0, cut);
  const phase = label.slice(cut + 1) === "backward" ? "backward" : "forward";
  if (held) return { layer, phase, what: held.what, index: held.index, value };
  const what = phase === "forward" ? "its output" : "its gradient";
  return { layer, phase, what, index: unravel(index, shape), value };
}

/** The first weight, moving statistic or slot that is not finite. */
export function findBadWeight(regions: Regions, buffer: ArrayBufferLike): BadNumber | undefined {
  const areas = [
    ...regions.weights.map((weight) => addressOfWeight(regions, weight)),
    ...Array.from(regions.slots.values()).flatMap((slot) =>
      regions.weights.filter(({ spec }) => spec.trainable).map(({ offset }) => slot + offset),
    ),
  ];
  for (const address of areas) {
    const held = heldAt(regions, address)!;
    const values = new Float32Array(buffer, address, sizeOf(held.shape));
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    const { layer, what, shape } = held;
    return { layer, phase: "weights", what, index: unravel(at, shape), value: values[at] };
  }
  return undefined;
}

interface Held {
  readonly layer: string;
  readonly what: string;
  readonly shape: Shape;
  readonly index: readonly number[];
}

/** The weight, gradient or slot at an address. */
function heldAt(regions: Regions, address: number): Held | undefined {
  const areas: readonly (readonly [number, string])[] = [
    [regions.gradients, "the gradient of "],
    ...Array.from(regions.slots, ([name, slot]) => [slot, `${name}/`] as const),
  ];
  for (const weight of regions.weights) {
    const own = addressOfWeight(regions, weight);
    const found = within(weight, own, address, "");
    if (found) return found;
    if (!weight.spec.trainable) continue;
    for (const [base, prefix] of areas) {
      const other = base === 0 ? undefined : within(weight, base + weight.offset, address, prefix);
      if (other) return other;
    }
  }
  return undefined;
}

function within({ spec }: WeightRegion, start: number, address: number, prefix: string): Held | undefined {
  const at = (address - start) / 4;
  if (at < 0 || at >= sizeOf(spec.shape)) return undefined;
  const layer = spec.name.slice(0, spec.name.lastIndexOf("/"));
  return { layer, what: prefix + spec.name, shape: spec.shape, index: unravel(at, spec.shape) };
}

function addressOfWeight(regions: Regions, { spec, offset }: WeightRegion): number {
  return (spec.trainable ? regions.trainable : regions.moving) + offset;
}

/** The index of a row-major array's element. */
function unravel(at: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = at;
  for (const size of [...shape].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}
