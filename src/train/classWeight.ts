/** Weights of classes: how much an example of each counts in the training loss, as Keras' class_weight. */
import { mustBe, OptionError, show } from "../errors.js";
import type { SessionData } from "./session.js";
import type { ClassWeight } from "./types.js";

/**
 * One weight a class, as float32; undefined when there are to be none.
 * "balanced": examples/(classes that occur·examples of the class), so that every class counts as much as any other, and the mean
 * weight of an example is 1. A class that does not occur has weight 1, as has one that is not named.
 * @throws OptionError
 */
export function resolveClassWeight(
  where: string,
  classWeight: ClassWeight | undefined,
  labels: SessionData["labels"],
  classes: number,
): Float32Array | undefined {
  if (classWeight === undefined) return undefined;
  if (classWeight === "balanced") return balanced(labels, classes);
  if (typeof classWeight !== "object" || classWeight === null) {
    const rule = 'be "balanced" or an object of class indices and weights';
    throw new OptionError(mustBe(where, "classWeight", rule, classWeight));
  }
  const weights = new Float32Array(classes).fill(1);
  for (const [key, weight] of Object.entries(classWeight)) {
    if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) >= classes) {
      throw new OptionError(
        `${where}: classWeight has the class ${show(key)}; classes are 0 … ${classes - 1}.`,
      );
    }
    if (!(typeof weight === "number" && weight >= 0 && Number.isFinite(Math.fround(weight)))) {
      const rule = "be a finite number ≥ 0";
      throw new OptionError(mustBe(where, `classWeight of class ${key}`, rule, weight));
    }
    weights[Number(key)] = weight;
  }
  return weights;
}

function balanced(labels: SessionData["labels"], classes: number): Float32Array {
  const counts = new Array<number>(classes).fill(0);
  if (labels instanceof Float32Array) {
    for (let at = 0; at < labels.length; at += classes) {
      const row = labels.subarray(at, at + classes);
      counts[row.indexOf(row.reduce((a, b) => Math.max(a, b)))]++;
    }
  } else {
    for (const label of labels) counts[label]++;
  }
  const examples = counts.reduce((a, b) => a + b, 0);
  const occurring = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 1 : examples / (occurring * count)));
}
