/** `--class-weight balanced`, `cat=2,dog=1` or `{"cat": 2}`: text to what `fit` takes, and back. */
import { type ClassWeight, OptionError, unknownName } from "../index.js";

/** By class name, or by its index where no class is so called. */
export type ClassWeightText = "balanced" | ReadonlyMap<string, number>;

/** run.json has no longer texts. */
const MOST_CHARACTERS = 4000;

/** A parser for commander. @throws OptionError */
export function parseClassWeight(text: string): ClassWeightText {
  if (text.trim() === "balanced") return "balanced";
  const pairs = text.trim().startsWith("{") ? fromJson(text) : text.split(",").map(fromPair);
  const weights = new Map<string, number>();
  for (const [name, weight] of pairs) {
    if (!(typeof weight === "number" && weight >= 0 && Number.isFinite(Math.fround(weight)))) {
      throw new OptionError(
        `--class-weight: the weight of ${JSON.stringify(name)} must be a finite number ≥ 0; got ${JSON.stringify(weight)}.`,
      );
    }
    if (weights.has(name)) throw new OptionError(`--class-weight names ${JSON.stringify(name)} twice.`);
    weights.set(name, weight);
  }
  return weights;
}

function fromPair(pair: string): [string, unknown] {
  const at = pair.lastIndexOf("=");
  const [name, number] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  if (at < 0 || name === "" || number === "") {
    throw new OptionError(
      `--class-weight must be balanced, pairs such as cat=2,dog=1, or JSON; got ${JSON.stringify(pair.trim())}.`,
    );
  }
  return [name, Number.isNaN(Number(number)) ? number : Number(number)];
}

function fromJson(text: string): [string, unknown][] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OptionError(`--class-weight is no JSON: ${(cause as Error).message}.`, { cause });
  }
  return Object.entries(value as object);
}

/** By index. @throws OptionError naming the nearest class */
export function classWeightOf(
  given: ClassWeightText | undefined,
  classes: readonly string[],
): ClassWeight | undefined {
  if (given === undefined || given === "balanced") return given;
  const weights = new Map<number, number>();
  for (const [name, weight] of given) {
    const named = classes.indexOf(name);
    const label = named >= 0 || !/^\d+$/.test(name) ? named : Number(name);
    if (label < 0 || label >= classes.length) {
      throw new OptionError(`--class-weight: ${unknownName("class", name, classes)}`);
    }
    if (weights.has(label)) {
      throw new OptionError(`--class-weight names the class ${JSON.stringify(classes[label])} twice.`);
    }
    weights.set(label, weight);
  }
  return Object.fromEntries(weights);
}

/** In one form, whatever the user's was: what run.json remembers. Undefined when all weigh 1. @throws OptionError */
export function classWeightText(
  weights: ClassWeight | undefined,
  classes: readonly string[],
): string | undefined {
  if (weights === undefined || weights === "balanced") return weights;
  const pairs = classes.map((name, label) => [name, weights[label] ?? 1] as const);
  const text = pairs
    .filter(([, weight]) => weight !== 1)
    .map(([name, weight]) => `${name}=${weight}`)
    .join(",");
  if (text.length > MOST_CHARACTERS) {
    throw new OptionError(
      `--class-weight must be at most ${MOST_CHARACTERS} characters long; got ${text.length}.`,
    );
  }
  return text || undefined;
}
