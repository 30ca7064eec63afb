/** A small run as `cbapd train` saves it, over any files: in this process, on the calling thread. */

import { RunFolder, type RunSettings } from "../../src/cli/runFolder.js";
import { RunSaver } from "../../src/cli/runSaver.js";
import { shapes } from "../../src/data/shapes.js";
import type { Files } from "../../src/formats/files.js";
import { initialWeights } from "../../src/models/initializers.js";
import { NETWORKS } from "../../src/models/networks.js";
import { resolveCompile } from "../../src/train/compile.js";
import { sessionData } from "../../src/train/data.js";
import { runFit } from "../../src/train/fit.js";
import { Model } from "../../src/train/model.js";
import { openSession } from "../../src/train/openSession.js";
import { adam } from "../../src/train/optimizers.js";
import type { TrainingState } from "../../src/train/types.js";

const SETTINGS: RunSettings = { network: "lenet5", seed: 1 };
export const EPOCHS = 2;
/** Four steps an epoch, a save after every second one. */
const IMAGES = 32;
const BATCH_SIZE = 8;

const { train, test } = shapes({ train: IMAGES, test: 8, seed: 3 });

export interface SavedRun {
  readonly folder: RunFolder;
  readonly model: Model;
  readonly state: TrainingState;
  readonly saver: RunSaver;
  readonly warnings: readonly string[];
  /** The steps after which a checkpoint counted as saved. */
  readonly saved: readonly number[];
}

/** Trains to the end, and leaves the last word to saver.finish(). Goes on where the folder's run stopped. */
export async function savedRun(path: string, files?: Files): Promise<SavedRun> {
  const model = new Model(NETWORKS.lenet5({ width: 0.1 }));
  const folder = new RunFolder(path, files);
  const resume = await folder.resume(SETTINGS);
  if (!resume) await folder.begin(SETTINGS, train.classes, model);
  const warnings: string[] = [];
  const saved: number[] = [];
  const saveEvery = { steps: 2 };
  const lock = { check: async () => {} };
  const saver = new RunSaver(folder, lock, {
    title: "a run",
    saveEvery,
    onSaved: ({ step }) => void saved.push(step),
    warn: (message) => void warnings.push(message),
  });
  const compiled = resolveCompile({
    optimizer: adam(),
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
  });
  const { graph } = model;
  const { state } = await runFit(
    {
      graph,
      compiled,
      training: sessionData("test", graph, train, compiled.loss.name),
      validation: sessionData("test", graph, test, compiled.loss.name),
      batchSize: BATCH_SIZE,
      workers: 1,
      seed: 1,
      // Each save is waited for, so that all runs do the same one after the other.
      options: { epochs: EPOCHS, callbacks: [saver, { saveEvery, onSave: () => saver.settle() }], resume },
      weights: initialWeights(graph, 1),
      keepWeights: () => {},
    },
    (options) => openSession({ ...options, workers: "inline" }),
  );
  await saver.settle();
  return { folder, model, state, saver, warnings, saved };
}

/** Where a state is kept that cannot be written to the run's own folder. */
export function rescue({ folder, model, state }: SavedRun): Promise<string> {
  return folder.rescue(SETTINGS, [], model, state);
}
