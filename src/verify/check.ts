/** Somebody else's numbers against ours, on both backends, and what may have gone wrong with theirs. */
import type { FileCase } from "./caseFile.js";
import {
  type BackendName,
  type Comparing,
  compareAll,
  type OnProgress,
  type Run,
  roundingFloors,
  runReference,
  runWasm,
} from "./caseRun.js";
import type { Comparison } from "./compare.js";
import { diagnose, type Finding } from "./diagnose.js";

export type Phase = "forward" | "backward" | "update";

export interface CheckOptions {
  readonly backends?: readonly BackendName[]; // both
  /** Relative to the largest element of each tensor, in place of the derived tolerances. */
  readonly tolerance?: number;
  /** Whether to look for the mistake when the reference disagrees. */
  readonly diagnosis?: boolean; // true
  /** What is being computed, and how much of it is done. */
  readonly onProgress?: OnProgress;
}

export interface TensorReport {
  readonly name: string;
  readonly phase: Phase;
  readonly shape: readonly number[];
  readonly comparisons: Readonly<Partial<Record<BackendName, Comparison>>>;
}

export interface CheckReport {
  readonly title: string;
  /** In the order in which they are computed: forward, backward, update. */
  readonly tensors: readonly TensorReport[];
  readonly warnings: readonly string[];
  /** The first that is wrong in each phase. */
  readonly firstWrong: Readonly<Partial<Record<Phase, string>>>;
  /** Units within float32 error of a kink; undefined when the reference was not run. */
  readonly unitsNearKinks: number | undefined;
  /** Undefined when nobody looked, or nothing was wrong. */
  readonly findings: readonly Finding[] | undefined;
  readonly ok: boolean;
}

export const PHASES: readonly Phase[] = ["forward", "backward", "update"];

/** @throws CbapdError when a kernel writes beside its buffer */
export async function checkCase(file: FileCase, options: CheckOptions = {}): Promise<CheckReport> {
  const { backends = ["reference", "wasm"], diagnosis = true, onProgress } = options;
  const warnings = [...file.warnings];
  const runs = new Map<BackendName, Run>();
  for (const backend of backends) {
    if (backend === "wasm" && file.kind === "layer" && file.mask) {
      warnings.push("the mask is used on the reference only: wasm draws its own.");
      continue;
    }
    runs.set(
      backend,
      backend === "reference" ? runReference(file, { onProgress }) : await runWasm(file, onProgress),
    );
  }
  const reference = runs.get("reference");
  let comparing: Comparing = { kinks: reference?.kinks, tolerance: options.tolerance };
  let compared = compareRuns(file, runs, comparing);
  if (file.kind === "network" && reference && options.tolerance === undefined && anyWrong(compared)) {
    comparing = { ...comparing, floors: roundingFloors(file, reference.results, onProgress) };
    compared = compareRuns(file, runs, comparing);
  }
  const order = [...runs.values()].flatMap(({ results }) => [...results.keys()]);
  const tensors = ordered(file, compared, order);
  const wrong = tensors.filter(isWrong);
  const firstWrong = Object.fromEntries(
    PHASES.flatMap((phase) => {
      const first = wrong.find((tensor) => tensor.phase === phase);
      return first ? [[phase, first.name]] : [];
    }),
  );
  const mistaken = tensors.filter(({ comparisons }) => comparisons.reference?.verdict === "wrong");
  const names = mistaken.map(({ name }) => name);
  const findings = diagnosis && names.length > 0 ? diagnose(file, names, comparing, onProgress) : undefined;
  const kinks = reference?.kinks?.flat().reduce((sum, { near }) => sum + near, 0);
  return {
    title: file.title,
    tensors,
    warnings,
    firstWrong,
    unitsNearKinks: kinks,
    findings,
    ok: wrong.length === 0,
  };
}

type Compared = ReadonlyMap<string, TensorReport["comparisons"]>;

function compareRuns(file: FileCase, runs: ReadonlyMap<BackendName, Run>, comparing: Comparing): Compared {
  const compared = new Map<string, TensorReport["comparisons"]>();
  for (const [backend, { results }] of runs) {
    for (const [name, comparison] of compareAll(file, results, comparing)) {
      compared.set(name, { ...compared.get(name), [backend]: comparison });
    }
  }
  return compared;
}

function anyWrong(compared: Compared): boolean {
  return [...compared.values()].some((comparisons) =>
    Object.values(comparisons).some(({ verdict }) => verdict === "wrong"),
  );
}

function isWrong({ comparisons }: TensorReport): boolean {
  return Object.values(comparisons).some(({ verdict }) => verdict === "wrong");
}

/** By phase, then as computed; a first step's moving statistics come before the outputs that follow from them. */
function ordered(file: FileCase, compared: Compared, order: readonly string[]): TensorReport[] {
  const rank = ({ name, phase }: TensorReport) =>
    1000 * PHASES.indexOf(phase) +
    (file.kind === "network" && phase === "forward" && name.startsWith("after/") ? 0 : 500) +
    order.indexOf(name) / order.length;
  return Array.from(compared, ([name, comparisons]) => {
    const { shape } = file.expected.get(name)!;
    return { name, phase: phaseOf(file, name), shape, comparisons };
  }).sort((a, b) => rank(a) - rank(b));
}

function phaseOf({ kind }: FileCase, name: string): Phase {
  if (kind === "adam") return "update";
  if (kind !== "network") return name.startsWith("d") ? "backward" : "forward";
  if (name.startsWith("gradients/")) return "backward";
  // Statistics move in the forward pass, those of the first step before anything is updated.
  return name.startsWith("after/") && !/^after\/1\/.*moving_/.test(name) ? "update" : "forward";
}
