/** Somebody else's numbers against ours, on both backends, and what may have gone wrong with theirs. */
import type { FileCase } from "./caseFile.js";
import { type BackendName, compareAll, type OnProgress, type Run, runReference, runWasm } from "./caseRun.js";
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
  const compared = new Map<string, Partial<Record<BackendName, Comparison>>>();
  let order: string[] = [];
  let reference: Run | undefined;
  let honest: ReadonlyMap<string, Comparison> | undefined;
  for (const backend of backends) {
    if (backend === "wasm" && file.kind === "layer" && file.mask) {
      warnings.push("the mask is used on the reference only: wasm draws its own.");
      continue;
    }
    const run =
      backend === "reference" ? runReference(file, { onProgress }) : await runWasm(file, onProgress);
    if (backend === "reference") reference = run;
    order = [...run.results.keys()];
    const comparisons = compareAll(file, run.results, reference?.kinks, options.tolerance);
    if (backend === "reference") honest = comparisons;
    for (const [name, comparison] of comparisons) {
      compared.set(name, { ...compared.get(name), [backend]: comparison });
    }
  }
  const tensors = ordered(file, compared, order);
  const wrong = tensors.filter(isWrong);
  const firstWrong = Object.fromEntries(
    PHASES.flatMap((phase) => {
      const first = wrong.find((tensor) => tensor.phase === phase);
      return first ? [[phase, first.name]] : [];
    }),
  );
  const mistaken = honest && Array.from(honest.values()).some(({ verdict }) => verdict === "wrong");
  const findings = honest && mistaken && diagnosis ? diagnose(file, honest, options) : undefined;
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

export function isWrong({ comparisons }: TensorReport): boolean {
  return Object.values(comparisons).some(({ verdict }) => verdict === "wrong");
}

/** By phase, then as computed; a first step's moving statistics come before the outputs that follow from them. */
function ordered(
  file: FileCase,
  compared: ReadonlyMap<string, TensorReport["comparisons"]>,
  order: readonly string[],
): TensorReport[] {
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
