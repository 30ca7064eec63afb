/** Which elements a stage lets through: relu's, and dropout's. */

import { referenceDropout } from "../reference/dropout.js";
import { ndarray } from "../reference/ndarray.js";
import { sizeOf } from "../shape.js";
import type { Stage } from "./stages.js";
import { dropoutOf, type ExplainedStep } from "./step.js";

/** Drawn masks by stage and image: drawing one takes far longer than looking one number up. */
const drawn = new WeakMap<ExplainedStep, Map<string, Uint8Array>>();

/** 1 where an element passes, 0 where it does not; for every cell of one image of a relu or dropout. */
export function keptBy(step: ExplainedStep, stage: Stage, image: number): Uint8Array {
  const count = sizeOf(stage.shape);
  if (stage.kind === "activation") {
    const y = step.values[stage.index].data.subarray(image * count, (image + 1) * count);
    return Uint8Array.from(y, (value) => (value > 0 ? 1 : 0));
  }
  const { rate } = dropoutOf(step.nodes[stage.index]);
  if (rate === 0) return new Uint8Array(count).fill(1);
  const held = drawn.get(step) ?? new Map<string, Uint8Array>();
  drawn.set(step, held);
  const key = `${stage.index}/${image}`;
  const known = held.get(key);
  if (known) return known;
  // A draw depends on the image's place in the batch: the images before it are drawn too.
  const ones = ndarray([image + 1, count]);
  const { mask } = referenceDropout(step.seed, step.before.steps).dropout(
    ones,
    rate,
    step.streams[stage.index],
  );
  const kept = Uint8Array.from(mask.data.subarray(image * count));
  held.set(key, kept);
  return kept;
}
