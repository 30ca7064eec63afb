/**
 * A run that goes through to its end and writes its state after every step, as a run does that may be killed; and runs that
 * go on from those files. Whatever a run may remember is on: dropout, callbacks that change the learning rate or keep
 * weights, a file of best weights. What comes out must be the same to the bit.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { shapes } from "../../src/data/shapes.js";
import { initialWeights } from "../../src/models/initializers.js";
import { NETWORKS } from "../../src/models/networks.js";
import { resolveAugmentation } from "../../src/train/augmentation.js";
import { earlyStopping, reduceLROnPlateau } from "../../src/train/callbacks.js";
import { loadTrainingState, saveTrainingState, weightsSha256 } from "../../src/train/checkpoint.js";
import { resolveClassWeight } from "../../src/train/classWeight.js";
import { resolveCompile } from "../../src/train/compile.js";
import { sessionData } from "../../src/train/data.js";
import { modelCheckpoint } from "../../src/train/fileCallbacks.js";
import { runFit } from "../../src/train/fit.js";
import { openSession } from "../../src/train/openSession.js";
import { adam } from "../../src/train/optimizers.js";
import type { Callback, FitOptions, TrainingState } from "../../src/train/types.js";

export interface Scene {
  readonly network: keyof typeof NETWORKS;
  readonly width: number;
  readonly images: number;
  readonly epochs: number;
}

/** Narrow enough to be quick. Epochs of four steps, the last one of three images, which no two workers share evenly. */
export const SCENES: readonly Scene[] = [
  { network: "baseline", width: 1 / 4, images: 27, epochs: 3 },
  { network: "lenet5", width: 1 / 2, images: 27, epochs: 3 },
  { network: "alexnet8", width: 1 / 16, images: 27, epochs: 3 },
  { network: "vgg16", width: 1 / 16, images: 27, epochs: 3 },
  { network: "inception10", width: 1 / 4, images: 27, epochs: 3 },
  { network: "resnet18", width: 1 / 16, images: 27, epochs: 3 },
];
const BATCH_SIZE = 8;

/** What may be switched on for a run: everything that a resumed one could forget. */
const FEATURES = {
  seed: 1,
  shuffle: true,
  augment: { flip: true, crop: 4, cutout: 8, color: 0.2 },
  mixup: 0.2,
  classWeight: { 3: 2, 7: 0.5 },
} satisfies FitOptions;

export function stepsOf({ images, epochs }: Scene): number {
  return Math.ceil(images / BATCH_SIZE) * epochs;
}

/** Everything that counts at a run's end. */
export interface Print {
  readonly weights: string;
  readonly moments: string;
  readonly best: string;
  readonly rest: unknown;
}

/** Without an interruption; `folder` then has what a kill after each step, or at the end of an epoch, would have left. */
export function uninterrupted(scene: Scene, folder: string, workers: number | "inline"): Promise<Print> {
  const saver: Callback = {
    saveEvery: { steps: 1 },
    async onSave(context, when) {
      const state = context.getTrainingState();
      const left = leftAfter(folder, state.step, when);
      await saveTrainingState(join(left, "checkpoint.safetensors"), context.graph, state);
      const best = join(folder, "whole", "best.safetensors");
      if (existsSync(best)) copyFileSync(best, join(left, "best.safetensors"));
    },
  };
  return run(scene, join(folder, "whole"), workers, [saver]);
}

/** From what was left after step `from` to the end. */
export async function resumed(
  scene: Scene,
  folder: string,
  from: number,
  workers: number | "inline",
  when: "step" | "epoch" = "step",
): Promise<Print> {
  const left = leftAfter(folder, from, when);
  const { state } = await loadTrainingState(join(left, "checkpoint.safetensors"));
  return run(scene, left, workers, [], state);
}

const pairs = new Map<number, ReturnType<typeof shapes>>();

/** Drawing takes longer than some of these runs. */
function drawn(images: number): ReturnType<typeof shapes> {
  const pair = pairs.get(images) ?? shapes({ train: images, test: 12, seed: 3 });
  pairs.set(images, pair);
  return pair;
}

function leftAfter(folder: string, step: number, when: "step" | "epoch"): string {
  return join(folder, `${when}-${step}`);
}

async function run(
  { network, width, images, epochs }: Scene,
  folder: string,
  workers: number | "inline",
  further: readonly Callback[],
  resume?: TrainingState,
): Promise<Print> {
  mkdirSync(folder, { recursive: true });
  const graph = NETWORKS[network]({ width });
  const { train, test } = drawn(images);
  const compiled = resolveCompile({
    optimizer: adam(),
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
  });
  // The plateau callback acts after each epoch but the first; early stopping counts and keeps the best weights, and lets it run.
  // What saves comes first, and must still see what those after it remember.
  const callbacks = [
    ...further,
    reduceLROnPlateau({ patience: 1, factor: 0.5, minDelta: 10 }),
    earlyStopping({ patience: 100, restoreBestWeights: true }),
    modelCheckpoint(folder, { saveBestOnly: true, saveWeightsOnly: true, monitor: "val_loss" }),
  ].map((callback) => ({ ...callback, name: callback.name?.split(" ")[0] })); // the folder is in modelCheckpoint's name
  const { state } = await runFit(
    {
      graph,
      compiled,
      training: {
        ...sessionData("test", graph, train, compiled.loss.name),
        classWeights: resolveClassWeight("test", FEATURES.classWeight, train.labels, 10),
      },
      validation: sessionData("test", graph, test, compiled.loss.name),
      batchSize: BATCH_SIZE,
      workers: workers === "inline" ? 1 : workers,
      seed: FEATURES.seed,
      augmentation: resolveAugmentation(FEATURES.augment, graph.nodes[0].outputShape),
      mixup: FEATURES.mixup,
      options: { ...FEATURES, epochs, callbacks, resume },
      weights: initialWeights(graph, FEATURES.seed),
      keepWeights: () => {},
    },
    (options) => openSession({ ...options, workers }),
  );
  const { weights, slots, ...rest } = state;
  return {
    weights: weightsSha256(weights),
    moments: weightsSha256(slots),
    best: fileSha256(join(folder, "best.safetensors")),
    rest: digestible(rest),
  };
}

/** Maps and arrays as SHA-256, so that a difference is readable. */
function digestible(value: unknown): unknown {
  if (value instanceof Map) return weightsSha256(value);
  if (Array.isArray(value)) return value.map(digestible);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, digestible(held)]));
}

function fileSha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
