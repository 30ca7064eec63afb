/** A training run, which is the library's `fit`: stopped by its signal or its step count, and resumed from its state. */
import { dataset } from "./data.js";
import { emit } from "./events.js";
import {
  adam,
  adamw,
  type Callback,
  confusionMatrix,
  type DatasetPair,
  datasets,
  type FitResult,
  type Logs,
  type Model,
  type Optimizer,
  OptionError,
  rmsprop,
  sgd,
  summaryData,
  type TrainingState,
  weightsSha256,
} from "./library.js";
import { buildNetwork } from "./network.js";
import type { Classified } from "./protocol/own.js";
import type { EpochView, Measures, Outlook, RunView, Setup, Until } from "./protocol/train.js";

/** Epochs that nobody waits for: a run goes on until it is paused. */
const ENDLESS = 1_000_000;
/** Of the test part: what the page shows predictions of. */
const OUTLOOK_IMAGES = 200;
const OUTLOOK_SECONDS = 1;
/** A tenth of a second of one core, about. */
const MACS_AT_ONCE = 2e9;

const OPTIMIZERS: Readonly<Record<Setup["optimizer"], (settings: { learningRate: number }) => Optimizer>> = {
  adam,
  adamw,
  sgd,
  rmsprop,
};

export function optimizerOf({
  optimizer,
  learningRate,
}: Pick<Setup, "optimizer" | "learningRate">): Optimizer {
  return OPTIMIZERS[optimizer]({ learningRate });
}

export class Run {
  readonly setup: Setup;
  readonly model: Model;
  readonly #data: DatasetPair;
  readonly #epochs: EpochView[] = [];
  #state: TrainingState | undefined;
  #current: Measures | undefined;
  #stop: AbortController | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #lookingOut = false;
  #nextLook = 0;
  /** As they were at the last step boundary that was looked at. */
  #seen: { readonly weights: ReadonlyMap<string, Float32Array>; readonly step: number } | undefined;

  private constructor(setup: Setup, model: Model, data: DatasetPair) {
    this.setup = setup;
    this.model = model;
    this.#data = data;
  }

  /** @throws OptionError, ShapeError, DataError */
  static async begin(setup: Setup): Promise<Run> {
    const data = await dataset(setup.data);
    const model = networkOf(setup, data);
    model.compile({
      optimizer: optimizerOf(setup),
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
    model.initialize({ seed: setup.seed });
    return new Run(setup, model, data);
  }

  /** When it last stood. */
  get state(): TrainingState | undefined {
    return this.#state;
  }

  get step(): number {
    return this.#state?.step ?? 0;
  }

  /** @throws OptionError when it runs already; WorkerError; NumberError */
  async advance(until: Until, workers: number): Promise<RunView> {
    if (this.#stop) throw new OptionError("The network is being trained already.");
    this.#stop = new AbortController();
    const fit = this.#fit(until, workers, this.#stop.signal);
    this.#running = fit.catch(() => {});
    try {
      this.#state = (await fit).state;
      if (this.#state.stepInEpoch === 0) this.#current = undefined;
      await this.#lookOut(this.model.getWeights(), this.step);
      return this.view();
    } finally {
      this.#stop = undefined;
    }
  }

  /** Resolves when it stands. */
  async pause(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
  }

  view(): RunView {
    const stepsPerEpoch = Math.ceil(this.#data.train.count / this.setup.batchSize);
    return {
      step: this.step,
      epoch: this.#state?.epoch ?? 0,
      stepInEpoch: this.#state?.stepInEpoch ?? 0,
      stepsPerEpoch,
      epochs: [...this.#epochs],
      current: this.#current,
      weightsSha256: weightsSha256(this.model.getWeights()),
    };
  }

  /** Of the weights as they are when the run stands. */
  outlook(): Promise<Outlook> {
    return this.#outlook(this.model.getWeights(), this.step);
  }

  /** A picture by the weights as they are, or were a moment ago. */
  async classify(pixels: Uint8Array): Promise<Classified> {
    const { weights, step } = (this.#stop && this.#seen) ?? {
      weights: this.model.getWeights(),
      step: this.step,
    };
    const model = networkOf(this.setup, this.#data);
    model.setWeights(weights);
    return { probabilities: await model.predict(pixels, { batchSize: 1, workers: 1 }), step };
  }

  #fit(until: Until, workers: number, signal: AbortSignal): Promise<FitResult> {
    const { batchSize, seed } = this.setup;
    const done = this.#state;
    return this.model.fit(this.#data.train, {
      batchSize,
      seed,
      workers,
      validationData: this.#data.test,
      epochs: until === "epoch" ? (done?.epoch ?? 0) + 1 : ENDLESS,
      maxSteps: until === "step" ? this.step + 1 : undefined,
      resume: done,
      signal,
      callbacks: [this.#watcher(until === "step")],
    });
  }

  /** @param single  each step tells of itself: there will be one */
  #watcher(single: boolean): Callback {
    let steps = this.step;
    let [epoch, stepInEpoch] = [this.#state?.epoch ?? 0, this.#state?.stepInEpoch ?? 0];
    const count = (at: number, now: number) => {
      steps += now === epoch ? at - stepInEpoch : at;
      [epoch, stepInEpoch] = [now, at];
    };
    return {
      name: "lab",
      progressEvery: { seconds: 1 / 60 },
      saveEvery: { seconds: OUTLOOK_SECONDS },
      // The weights are copied between two steps; what is made of them need not hold training up. Epochs' ends save, too: with
      // little data there are many a second.
      onSave: (context) => {
        if (performance.now() < this.#nextLook) return;
        this.#nextLook = performance.now() + OUTLOOK_SECONDS * 1000;
        const { step } = context.getTrainingState();
        this.#seen = { weights: context.getWeights(), step };
        void this.#lookOut(this.#seen.weights, step).catch(() => {});
      },
      onProgress: ({ epoch: now, step, steps: all, stepMs, logs, phase, recent }) => {
        if (phase === "training") {
          count(step, now);
          this.#current = measures(logs);
        }
        emit("progress", {
          ...measures(phase === "training" ? (recent ?? logs) : logs, phase === "training" ? "" : "val_"),
          epoch: now,
          step,
          steps: all,
          phase,
          totalSteps: steps,
          imagesPerSecond: (this.setup.batchSize / stepMs) * 1000,
        });
      },
      ...(single && {
        onBatchEnd: (_batch: number, logs: Logs) => {
          this.#current = measures(logs);
        },
      }),
      onEpochEnd: (now, logs, context) => {
        const { step } = context.getTrainingState();
        const validated = "val_loss" in logs;
        const view = {
          step,
          training: measures(logs),
          validation: validated ? measures(logs, "val_") : undefined,
        };
        [epoch, stepInEpoch, steps] = [now + 1, 0, step];
        this.#epochs.push(view);
        emit("epoch", view);
      },
    };
  }

  /** One at a time: when the last one is not done yet, this one is left out. */
  async #lookOut(weights: ReadonlyMap<string, Float32Array>, step: number): Promise<void> {
    if (this.#lookingOut) return;
    this.#lookingOut = true;
    try {
      emit("outlook", await this.#outlook(weights, step));
    } finally {
      this.#lookingOut = false;
    }
  }

  async #outlook(weights: ReadonlyMap<string, Float32Array>, step: number): Promise<Outlook> {
    const test = datasets.limit(this.#data.test, Math.min(OUTLOOK_IMAGES, this.#data.test.count));
    const model = networkOf(this.setup, this.#data);
    model.setWeights(weights);
    // A single batch is computed in this thread, which is cheaper than another thread, unless it would keep Pause waiting.
    const batchSize = summaryData(model).macs * test.count < MACS_AT_ONCE ? test.count : this.setup.batchSize;
    const probabilities = await model.predict(test, { batchSize, workers: 1 });
    const { matrix, predicted, accuracy } = confusionMatrix(test.labels, probabilities);
    return {
      step,
      count: test.count,
      probabilities,
      predicted: Uint8Array.from(predicted),
      confusion: matrix,
      accuracy,
    };
  }
}

function networkOf(setup: Setup, { train }: DatasetPair): Model {
  const { network, width, layers } = setup;
  return buildNetwork({
    network,
    width,
    layers,
    inputShape: train.imageShape,
    classes: train.classes.length,
  });
}

function measures(logs: Logs, prefix = ""): Measures {
  return { loss: logs[`${prefix}loss`], accuracy: logs[`${prefix}accuracy`] };
}
