/** A case file's computation on either backend, and all of its tensors against ours. */
import type { Backend, Tensor } from "../backend/backend.js";
import { referenceBackend } from "../backend/reference.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import type { adamUpdate } from "../reference/optimizer.js";
import { sizeOf } from "../shape.js";
import { networkAllowances, PRECISE, preactivationError, zeroGradients } from "./allowances.js";
import type { FileCase, NetworkFileCase } from "./caseFile.js";
import { type Allowance, type Comparison, compareTensor } from "./compare.js";
import { sumError } from "./description.js";
import { type Engine, referenceEngine, type StepOptions, wasmEngine } from "./engine.js";
import { type Results, runLayer } from "./layer.js";
import { layerAllowances, partAllowances } from "./layerAllowances.js";
import { Machine } from "./machine.js";
import { runNetwork } from "./network.js";
import { runAdam, runL2, runLoss } from "./parts.js";
import { roundedBackend } from "./rounded.js";
import { largest } from "./values.js";
import { type KinkCount, watch } from "./watch.js";

export type BackendName = "reference" | "wasm";

/** What is being computed, and how much of it is done. */
export type OnProgress = (what: string, done: number, total: number) => void;

/** One run of a case: all tensors, and the kinks that were met. */
export interface Run {
  readonly results: Results;
  /** By step; undefined on wasm. */
  readonly kinks: readonly (readonly KinkCount[])[] | undefined;
}

export interface ReferenceOptions {
  /** Plants a mistake. */
  readonly plant?: (backend: Backend<NDArray>) => Backend<NDArray>;
  readonly adam?: typeof adamUpdate;
  readonly onProgress?: OnProgress;
}

/** In float64, step by step under watch. */
export function runReference(file: FileCase, { plant, adam, onProgress }: ReferenceOptions = {}): Run {
  const kinks: KinkCount[][] = [];
  const total = products(file);
  let done = 0;
  const onProduct = () => onProgress?.("reference", ++done, total);
  const results = runCase(file, (at) => {
    const base = withMask(file, referenceBackend({ seed: at.seed ?? 0, step: at.step ?? 0 }));
    const watched = watch(plant ? plant(base) : base, kinkDistance(file), onProduct);
    kinks.push(watched.kinks);
    return referenceEngine(at, watched.backend, adam);
  });
  return { results, kinks };
}

/**
 * What roundings come to in the first step of a network, by tensor: `roundedBackend` rounds every result once, a float32 sum of
 * n terms has √n roundings, up to some 30 here. At most a hundredth of the tensor: an ill-conditioned case hides no mistake.
 */
export function roundingFloors(
  file: NetworkFileCase,
  exact: Results,
  onProgress?: OnProgress,
): ReadonlyMap<string, number> {
  const first = { ...file, given: { ...file.given, steps: 0 } };
  const zeros = zeroGradients(file.given.graph);
  const { results } = runReference(first, { plant: roundedBackend, onProgress });
  const floors = Array.from(results, ([name, { data }]): [string, number] => {
    const value = exact.get(name)!;
    const difference = largest({ data: data.map((v, i) => v - value.data[i]) });
    const zero = zeros.has(name.replace("gradients/", ""));
    return [name, Math.min(ROUNDINGS * difference, zero ? Number.POSITIVE_INFINITY : largest(value) / 100)];
  });
  return new Map(floors);
}

const ROUNDINGS = 30;

export async function runWasm(file: FileCase, onProgress?: OnProgress): Promise<Run> {
  const machine = await Machine.open();
  const total = file.kind === "network" ? Math.max(file.given.steps, 1) : 1;
  let done = 0;
  const results = runCase(file, (at) => {
    onProgress?.("wasm", ++done, total);
    return wasmEngine(machine, at);
  });
  return { results, kinks: undefined };
}

function runCase<T extends Tensor>(file: FileCase, open: (at: StepOptions) => Engine<T>): Results {
  switch (file.kind) {
    case "network":
      return runNetwork(open, file.given);
    case "layer":
      return runLayer(open({ seed: file.seed, step: file.step }), file.given, file.values);
    case "loss":
      return runLoss(open({}), file.given);
    case "adam":
      return runAdam(open({}), file.given);
    case "l2":
      return runL2(open({}), file.given);
  }
}

export interface Comparing {
  readonly kinks: Run["kinks"];
  readonly floors?: ReadonlyMap<string, number>;
  /** In place of the derived ones. */
  readonly tolerance?: number;
}

/** All of their tensors against ours. */
export function compareAll(file: FileCase, ours: Results, comparing: Comparing): Map<string, Comparison> {
  const { tolerance } = comparing;
  const derived = allowancesOf(file, ours, comparing);
  return new Map(
    Array.from(file.expected, ([name, theirs]) => {
      const allowance = derived(name);
      const value = ours.get(name)!;
      const given: Allowance =
        tolerance === undefined
          ? allowance
          : { ...allowance, tolerance: tolerance * (allowance.scale ?? largest(value)), norm: undefined };
      return [name, compareTensor(theirs, value, given)];
    }),
  );
}

function allowancesOf(
  file: FileCase,
  ours: Results,
  { kinks, floors }: Comparing,
): (name: string) => Allowance {
  if (file.kind === "network") {
    return networkAllowances(file.given, ours, { kinks, precise: isPrecise(file, ours), floors });
  }
  if (file.kind === "layer") return layerAllowances(file, ours, kinks?.[0]);
  return partAllowances(file, ours);
}

/**
 * Whether their first step was computed in float64, as far as the file has anything of it. Not by biases, whose gradients may
 * be zero but for roundings.
 */
function isPrecise({ expected }: FileCase, ours: Results): boolean {
  const first = Array.from(expected).filter(
    ([name]) => name === "logits" || (name.startsWith("gradients/") && !name.endsWith("/bias")),
  );
  const agree = ([name, theirs]: [string, NDArray]) => {
    const value = ours.get(name)!;
    return compareTensor(theirs, value, { tolerance: PRECISE * largest(value) }).verdict === "ok";
  };
  return first.length > 0 && first.every(agree);
}

/** Relative to the largest number of a relu's or pooling's input. */
function kinkDistance(file: FileCase): number {
  if (file.kind === "network") return preactivationError(file.given.graph);
  if (file.kind !== "layer" || !file.values.parameters.kernel) return 0; // the input is given, and has no error
  return sumError(sizeOf(file.values.parameters.kernel.shape.slice(0, -1)));
}

/** Dropout keeps what the file says. */
function withMask(file: FileCase, backend: Backend<NDArray>): Backend<NDArray> {
  const mask = file.kind === "layer" ? file.mask : undefined;
  if (!mask) return backend;
  return {
    ...backend,
    dropout: (x, rate) => ({
      y: backend.dropoutGradient(mask, x, rate),
      mask: ndarray(mask.shape, mask.data),
    }),
  };
}

/** How many convolutions and dense layers, forward and backward, a run computes. */
function products(file: FileCase): number {
  if (file.kind !== "network") return 2;
  const { graph, steps } = file.given;
  return 2 * Math.max(steps, 1) * graph.nodes.filter(({ specs }) => specs.kernel).length;
}
