/** What a sweep varies: `learning-rate=0.001,0.01` and the like, multiplied out or drawn at random. */
import { exp, log } from "../elementary.js";
import { OptionError, unknownName } from "../errors.js";
import { Purpose, randomWords } from "../random.js";

/** An option of train and its value; `on`: without one, `off`: left out. */
export type Setting = readonly [option: string, value: string];

export type Variation =
  | { readonly option: string; readonly values: readonly string[] }
  | { readonly option: string; readonly from: number; readonly to: number; readonly scale: "log" | "linear" };

/** Three digits that matter: a command line stays short. */
const DIGITS = 3;

/**
 * `name=a,b,c`, or `name=a|b` where values have commas themselves; `name=1e-4..1e-1`, evenly on a logarithmic scale, or
 * `name=lin:0.5..0.9`.
 * @param known the options that may vary @throws OptionError
 */
export function parseVariation(text: string, known: readonly string[]): Variation {
  const equals = text.indexOf("=");
  const option = text.slice(0, Math.max(equals, 0)).replace(/^--/, "");
  const right = text.slice(equals + 1);
  if (equals < 1 || right === "") {
    throw new OptionError(
      `--vary must be an option and its values, such as learning-rate=0.001,0.01; got ${JSON.stringify(text)}.`,
    );
  }
  if (!known.includes(option)) throw new OptionError(`--vary: ${unknownName("option", option, known)}`);
  const range = /^(lin:)?([^.|,][^|,]*?)\.\.([^.|,][^|,]*)$/.exec(right);
  if (range) return parseRange(option, right, range);
  const values = right.split(right.includes("|") ? "|" : ",").map((value) => value.trim());
  if (values.some((value) => value === "")) {
    throw new OptionError(`--vary ${option}: a value is empty; got ${JSON.stringify(right)}.`);
  }
  if (new Set(values).size < values.length) {
    throw new OptionError(`--vary ${option} names a value twice; got ${JSON.stringify(right)}.`);
  }
  return { option, values };
}

function parseRange(option: string, text: string, [, linear, low, high]: RegExpExecArray): Variation {
  const [from, to] = [Number(low), Number(high)];
  const scale = linear ? "linear" : "log";
  if (!(Number.isFinite(from) && Number.isFinite(to) && from < to && (linear || from > 0))) {
    const rule = linear ? "lin:<from>..<to> with from < to" : "<from>..<to> with 0 < from < to";
    throw new OptionError(`--vary ${option} must be ${rule}; got ${JSON.stringify(text)}.`);
  }
  return { option, from, to, scale };
}

/** Every combination, the last option changing fastest. @throws OptionError for ranges */
export function grid(variations: readonly Variation[]): Setting[][] {
  let runs: Setting[][] = [[]];
  for (const variation of variations) {
    if (!("values" in variation)) {
      throw new OptionError(
        `--vary ${variation.option}: a range is for --random; name its values for a grid.`,
      );
    }
    runs = runs.flatMap((run) =>
      variation.values.map((value) => [...run, [variation.option, value] as const]),
    );
  }
  return runs;
}

/** `count` draws, each a function of the seed and its own number; no two alike, as far as there are so many. */
export function draw(variations: readonly Variation[], count: number, seed: number): Setting[][] {
  const runs = new Map<string, Setting[]>();
  for (let stream = 0; runs.size < count && stream < 100 * count; stream++) {
    const next = randomWords(seed, Purpose.Sweep, stream);
    const run = variations.map(
      (variation): Setting => [variation.option, drawOne(variation, next() / 2 ** 32)],
    );
    runs.set(JSON.stringify(run), run);
  }
  return [...runs.values()];
}

function drawOne(variation: Variation, unit: number): string {
  if ("values" in variation) return variation.values[Math.floor(unit * variation.values.length)];
  const { from, to, scale } = variation;
  const value = scale === "log" ? exp(log(from) + unit * (log(to) - log(from))) : from + unit * (to - from);
  return String(Number(value.toPrecision(DIGITS)));
}

/** As arguments of train. */
export function settingArguments(run: readonly Setting[]): string[] {
  return run.flatMap(([option, value]) => {
    if (value === "off") return [];
    return value === "on" ? [`--${option}`] : [`--${option}`, value];
  });
}

export function settingText(run: readonly Setting[]): string {
  return run.map(([option, value]) => `${option}=${value}`).join(" ");
}
