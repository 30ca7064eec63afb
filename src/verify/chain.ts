/**
 * The chain of proof for one layer, on random cases that shrink when they fail:
 *   differences  central differences in float64 certify the reference;
 *   reference    the reference certifies the wasm kernels, for any number of workers;
 *   tfjs         kernels written by others check both.
 */
import fc from "fast-check";
import { CbapdError } from "../errors.js";
import { FULL, type LayerDescription, SMALL } from "./description.js";
import { agrees, gradientCheck, STEP } from "./differences.js";
import { referenceEngine, type StepOptions, wasmEngine } from "./engine.js";
import { gradientName, type LayerCase, type LayerValues, type Results, runLayer } from "./layer.js";
import type { Machine } from "./machine.js";

export type Link = "differences" | "reference" | "tfjs";

/** The largest error relative to its tolerance over all cases. */
export interface Worst {
  readonly tensor: string;
  readonly error: number;
  readonly tolerance: number;
}

export interface LinkReport {
  /** As users write it. */
  readonly layer: string;
  readonly link: Link;
  readonly cases: number;
  /** Undefined when nothing could differ. */
  readonly worst: Worst | undefined;
  readonly failure?: Failure;
}

export interface Failure {
  readonly message: string;
  /** The smallest case found that fails. */
  readonly counterexample: string;
  /** fast-check's, to run it again. */
  readonly seed: number;
  readonly path: string;
}

/** A foreign oracle: the same results by the same names; undefined where it has no such layer. */
export type LayerOracle = (given: LayerCase, values: LayerValues, at: StepOptions) => Results | undefined;

export interface LinkOptions {
  readonly cases: number;
  readonly seed: number;
  /** fast-check's path of a failure, to run that case alone. */
  readonly path?: string;
  /** Called after each case. */
  readonly onCase?: () => void;
}

type Report = (tensor: string, error: number, tolerance: number, detail?: string) => void;

/** Float32 results may pass a kink by this many of the largest element's roundings. */
const FLOAT32_MARGIN = 2 ** -18;
const MOST_ATTEMPTS = 200;

export function differences(description: LayerDescription, options: LinkOptions): LinkReport {
  return runLink(description, "differences", options, (given, seed, report) => {
    const values = valuesApart(description, given, seed, 2 * STEP);
    if (!values) return false;
    const results = runLayer(referenceEngine(), given, values);
    const forward = () => runLayer(referenceEngine(), given, values).get("y")!;
    const probed = [
      ...values.xs.map((x, i) => [values.xs.length === 1 ? "dX" : `dX${i}`, x] as const),
      ...Object.entries(values.parameters).map(([name, value]) => [gradientName(name), value] as const),
    ];
    for (const [name, at] of probed) {
      const gradient = results.get(name);
      if (!gradient) continue; // moving statistics have none
      const probe = gradientCheck(forward, at, values.dY, gradient, { seed });
      const where = probe.index === undefined ? "in a random direction" : `at index ${probe.index}`;
      const detail = `${where}: analytic ${probe.analytic}, numeric ${probe.numeric}`;
      report(
        name,
        probe.error,
        agrees(probe) ? probe.tolerance : Math.min(probe.tolerance, probe.error),
        detail,
      );
      if (!agrees(probe)) throw new CbapdError(`${name} ${detail}, tolerance ${probe.tolerance}.`);
    }
    return true;
  });
}

export function againstReference(
  description: LayerDescription,
  machine: Machine,
  options: LinkOptions,
): LinkReport {
  return runLink(description, "reference", options, (given, seed, report) => {
    const values = valuesApart(description, given, seed, FLOAT32_MARGIN);
    if (!values) return false;
    const step = { seed, step: 3 };
    const expected = runLayer(referenceEngine(step), given, values);
    const actual = runLayer(wasmEngine(machine, step), given, values);
    compare(actual, expected, description.tolerances(given, values, expected), report);
    const workers = 2 + (seed % 3);
    const split = runLayer(wasmEngine(machine, { ...step, workers }), given, values);
    expectSameBits(split, actual, `with ${workers} workers`);
    const planned = runLayer(wasmEngine(machine, { ...step, workers, placement: "planned" }), given, values);
    expectSameBits(planned, actual, `with ${workers} workers and shared memory`);
    return true;
  });
}

/** Both against the oracle: its own float32 roundings are at most as large as ours may be, hence twice the tolerance. */
export function againstOracle(
  description: LayerDescription,
  machine: Machine,
  oracle: LayerOracle,
  options: LinkOptions,
): LinkReport {
  return runLink(description, "tfjs", options, (given, seed, report) => {
    const values = valuesApart(description, given, seed, FLOAT32_MARGIN);
    if (!values) return false;
    const step = { seed, step: 3 };
    const theirs = oracle(given, values, step);
    if (!theirs) return false;
    const expected = runLayer(referenceEngine(step), given, values);
    const tolerances = description.tolerances(given, values, expected);
    compare(theirs, expected, tolerances, report);
    const doubled = new Map(Array.from(tolerances, ([name, tolerance]) => [name, 2 * tolerance]));
    compare(runLayer(wasmEngine(machine, step), given, values), theirs, doubled, report);
    return true;
  });
}

/** Numbers whose nearest kink is further away than `least`; undefined when none are found. */
export function valuesApart(
  { values, margin }: LayerDescription,
  given: LayerCase,
  seed: number,
  least: number,
): LayerValues | undefined {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const found = values(given, seed + attempt * 1000);
    if (!margin || margin(given, found) > least) return found;
  }
  return undefined;
}

/** @throws CbapdError naming the tensor, the element, both values and the tolerance */
export function compare(
  actual: Results,
  expected: Results,
  tolerances: ReadonlyMap<string, number>,
  report: Report,
): void {
  for (const [name, { data, shape }] of expected) {
    const tolerance = tolerances.get(name);
    const other = actual.get(name);
    if (tolerance === undefined) throw new CbapdError(`${name}: its description gives no tolerance.`);
    if (!other) throw new CbapdError(`${name} is missing.`);
    if (other.shape.join() !== shape.join()) {
      throw new CbapdError(`${name}: its shape must be [${shape}]; got [${other.shape}].`);
    }
    let worst = 0;
    for (let i = 0; i < data.length; i++) {
      const error = Math.abs(other.data[i] - data[i]);
      if (!(error <= tolerance)) {
        throw new CbapdError(
          `${name}[${i}] of [${shape}] must be ${data[i]}; got ${other.data[i]}, error ${error}, tolerance ${tolerance}.`,
        );
      }
      worst = Math.max(worst, error);
    }
    report(name, worst, tolerance);
  }
}

function expectSameBits(actual: Results, expected: Results, how: string): void {
  for (const [name, { data }] of expected) {
    const other = actual.get(name)!.data;
    const index = data.findIndex((value, i) => !Object.is(value, other[i]));
    if (index >= 0) {
      throw new CbapdError(
        `${name}[${index}] must not depend on the workers; got ${other[index]} ${how}, ${data[index]} with one.`,
      );
    }
  }
}

/** @param check false when the case has no numbers to try it on */
function runLink(
  description: LayerDescription,
  link: Link,
  { cases, seed, path, onCase }: LinkOptions,
  check: (given: LayerCase, seed: number, report: Report) => boolean,
): LinkReport {
  let worst: Worst | undefined;
  const report: Report = (tensor, error, tolerance) => {
    if (tolerance === 0) return;
    if (!worst || error * worst.tolerance > worst.error * tolerance) worst = { tensor, error, tolerance };
  };
  const bounds = link === "differences" ? SMALL : FULL;
  const numbered = fc.record({ given: description.cases(bounds), seed: fc.integer({ min: 0, max: 999 }) });
  const details = fc.check(
    fc.property(numbered, ({ given, seed }) => {
      fc.pre(check(given, seed, report));
      onCase?.();
    }),
    { numRuns: cases, seed, path, endOnFailure: path !== undefined },
  );
  const done = { layer: description.name, link, cases: details.numRuns, worst };
  if (!details.failed) return done;
  const [failed] = details.counterexample ?? [];
  const message =
    details.errorInstance instanceof Error ? details.errorInstance.message : "too few cases have numbers";
  return {
    ...done,
    failure: {
      message,
      counterexample: failed ? showCase(failed.given, failed.seed) : "",
      seed: details.seed,
      path: details.counterexamplePath ?? "",
    },
  };
}

/** `conv2d {"filters":1,…} on 2×[5, 7, 3], seed 4` */
export function showCase({ layer, options, inputs, batch }: LayerCase, seed: number): string {
  const shapes = inputs.map((shape) => `[${shape.join(", ")}]`).join(", ");
  return `${layer.kind} ${JSON.stringify(options)} on ${batch} × ${shapes}, seed ${seed}`;
}
