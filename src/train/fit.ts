/** The fit loop: epochs, batches, validation, callbacks; interruptible after any step, and resumable from there. */
import { CbapdError, mustBe, type NumberError, OptionError, show } from "../errors.js";
import { type Graph, weightSpecs } from "../models/graph.js";
import { sameValue } from "../models/sameValue.js";
import { permutation } from "../random.js";
import { type Compiled, logsOf } from "./compile.js";
import { GuardedSteps, HOLD_STEPS, numberError } from "./guardedSteps.js";
import { openSession } from "./openSession.js";
import { slotNames } from "./regions.js";
import { SaveClock } from "./saveClock.js";
import { learningRateAt } from "./schedules.js";
import type { Session, SessionData, Totals } from "./session.js";
import type {
  Augmentation,
  Callback,
  CallbackContext,
  FitOptions,
  FitResult,
  History,
  Logs,
  Optimizer,
  Progress,
  TrainingState,
} from "./types.js";

const NOTHING: Totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
/** After a rollback the learning rate is multiplied by this: the same steps would go the same way again. */
const ROLLBACK_FACTOR = 0.5;
const MOST_ROLLBACKS = 10;

export interface Fit {
  readonly graph: Graph;
  readonly compiled: Compiled;
  readonly training: SessionData;
  readonly validation: SessionData | undefined;
  readonly batchSize: number;
  readonly workers: number;
  readonly seed: number;
  readonly augmentation?: Augmentation;
  readonly mixup?: number;
  readonly options: FitOptions;
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Told the weights at the end, however it came: nothing that was learnt is lost. */
  readonly keepWeights: (weights: Map<string, Float32Array>) => void;
}

export async function runFit(fit: Fit, open: typeof openSession = openSession): Promise<FitResult> {
  const { graph, compiled, training, validation, batchSize, workers, seed, options } = fit;
  if (options.resume) checkResume(options.resume, fit);
  const session = await open({
    graph,
    loss: compiled.loss,
    optimizer: compiled.optimizer,
    exact: compiled.exact,
    fast: compiled.fast,
    batchSize,
    workers,
    seed,
    training,
    augmentation: fit.augmentation,
    mixup: fit.mixup,
    evaluation: validation,
  });
  try {
    session.writeWeights(options.resume?.weights ?? fit.weights);
    if (options.resume) session.writeSlots(options.resume.slots);
    return await new FitLoop(fit, session).run();
  } finally {
    fit.keepWeights(session.readWeights(true));
    await session.close();
  }
}

class FitLoop {
  readonly #fit: Fit;
  readonly #session: Session;
  readonly #callbacks: readonly Callback[];
  readonly #context: CallbackContext;
  readonly #clock: SaveClock;
  /** Steps of an epoch. */
  readonly #steps: number;
  readonly #epochs: number;
  #epoch: number;
  #stepInEpoch: number;
  #step: number;
  #totals: Totals;
  readonly #history: History;
  #learningRate: number;
  /** Of a schedule: what rollbacks have made of it. */
  #scheduleFactor: number;
  readonly #guarded: GuardedSteps;
  #rollbacks = 0;
  /** Where a rollback goes: the beginning of the epoch, or where this fit began in its midst. */
  #epochStart: EpochStart | undefined;

  constructor(fit: Fit, session: Session) {
    this.#fit = fit;
    this.#session = session;
    this.#callbacks = fit.options.callbacks ?? [];
    this.#steps = Math.ceil(fit.training.count / fit.batchSize);
    this.#epochs = fit.options.epochs ?? 1;
    const { resume } = fit.options;
    const [loss, correct, topK, samples] = resume?.totals ?? [0, 0, 0, 0];
    this.#epoch = resume?.epoch ?? 0;
    this.#stepInEpoch = resume?.stepInEpoch ?? 0;
    this.#step = resume?.step ?? 0;
    this.#totals = { loss, correct, topK, samples };
    this.#history = structuredClone(resume?.history ?? { epochs: [], validationEpochs: [], logs: {} });
    this.#learningRate = resume?.learningRate ?? learningRateAt(fit.compiled.optimizer.learningRate, 0);
    this.#scheduleFactor = resume?.scheduleFactor ?? 1;
    this.#guarded = new GuardedSteps(session);
    const { optimizer } = fit.compiled;
    const loop = this;
    this.#context = {
      graph: fit.graph,
      getWeights: () => session.readWeights(true),
      setWeights: (weights) => {
        session.writeWeights(weights);
        this.#guarded.invalidate();
      },
      getGradients: () => session.readGradients(),
      getTrainingState: () => this.#state(),
      get learningRate() {
        return loop.#rate();
      },
      set learningRate(rate) {
        if (typeof optimizer.learningRate !== "number") {
          const { name } = optimizer.learningRate;
          throw new OptionError(`fit: a callback set the learning rate; the optimizer's follows ${name}.`);
        }
        loop.#learningRate = rate;
      },
      stopTraining: resume?.stopped ?? false,
    };
    this.#clock = new SaveClock(this.#callbacks, this.#step);
    for (const [key, callback] of stateKeys(this.#callbacks)) {
      const state = resume?.callbacks[key];
      if (state !== undefined) callback.setState?.(state);
    }
  }

  async run(): Promise<FitResult> {
    await this.#each((callback) => callback.onTrainBegin?.(this.#context));
    let interrupted = false;
    while (this.#epoch < this.#epochs && !this.#context.stopTraining && !interrupted) {
      interrupted = !(await this.#runEpoch());
    }
    await this.#each((callback) => callback.onTrainEnd?.(this.#context));
    const unfinished = interrupted && this.#epoch < this.#epochs;
    return { history: this.#history, interrupted: unfinished, state: this.#state() };
  }

  /** True when the epoch was completed; false after an interruption, of which the state tells how to go on. */
  async #runEpoch(): Promise<boolean> {
    const { training, seed, options } = this.#fit;
    const epoch = this.#epoch;
    const shuffled = options.shuffle ?? true;
    this.#session.setOrder(
      shuffled
        ? permutation(training.count, seed, epoch)
        : Int32Array.from({ length: training.count }, (_, i) => i),
    );
    if (this.#stepInEpoch === 0)
      await this.#each((callback) => callback.onEpochBegin?.(epoch, this.#context));
    this.#guarded.invalidate(); // steps of another order could not be repeated
    if (options.onNaN === "rollback") this.#epochStart = this.#here();
    if (!(await this.#runSteps())) return false;
    const logs: Logs = logsOf(this.#totals, this.#fit.compiled.metrics);
    const skipped = this.#skippedSteps();
    if (skipped > 0) logs.skippedSteps = skipped;
    const validated = await this.#validate(logs);
    if (validated === undefined) return false;
    this.#remember(epoch, logs, validated);
    this.#epoch++;
    this.#stepInEpoch = 0;
    this.#totals = NOTHING;
    await this.#each((callback) => callback.onEpochEnd?.(epoch, logs, this.#context));
    this.#clock.reset(this.#step);
    await this.#each((callback) => callback.onSave?.(this.#context, "epoch"));
    return !this.#stopped();
  }

  /** The epoch's remaining steps: in one stretch, or one by one when a callback wants to know of each. */
  async #runSteps(): Promise<boolean> {
    const oneByOne = this.#callbacks.some((callback) => callback.onBatchBegin || callback.onBatchEnd);
    const { options, compiled } = this.#fit;
    const scheduled = compiled.optimizer.learningRate;
    while (this.#stepInEpoch < this.#steps && !this.#context.stopTraining) {
      if (this.#stopped()) return false;
      const from = this.#stepInEpoch;
      const allowed = (options.maxSteps ?? Number.POSITIVE_INFINITY) - this.#step;
      const most = oneByOne ? 1 : Math.min(allowed, this.#clock.stepsLeft(this.#step), HOLD_STEPS);
      const to = Math.min(this.#steps, from + most);
      await this.#each((callback) => callback.onBatchBegin?.(from, this.#context));
      const pause = oneByOne ? undefined : this.#clock.delayMs();
      const { steps, totals, bad } = await stoppable(options.signal, pause, (signal) =>
        this.#guarded.train({
          from,
          to,
          step: this.#step,
          learningRate: typeof scheduled === "number" ? this.#learningRate : scheduled,
          scheduleFactor: this.#scheduleFactor,
          totals: this.#totals,
          onProgress: this.#progress("training", this.#steps),
          signal,
        }),
      );
      this.#stepInEpoch += steps;
      this.#step += steps;
      this.#totals = totals;
      if (oneByOne && steps > 0) {
        const logs = logsOf(totals, this.#fit.compiled.metrics);
        await this.#each((callback) => callback.onBatchEnd?.(from, logs, this.#context));
      }
      if (bad) await this.#onBad(numberError(bad, this.#epoch + 1, this.#stepInEpoch + 1));
      await this.#save();
    }
    return !options.signal?.aborted;
  }

  /** The step at `stepInEpoch` was bad, and has been undone. @throws NumberError */
  async #onBad(error: NumberError): Promise<void> {
    const action = this.#fit.options.onNaN ?? "stop";
    await this.#each((callback) => callback.onNaN?.({ error, action }, this.#context));
    if (this.#context.stopTraining) return;
    // Another batch does not mend a weight.
    if (action === "stop" || (action === "skip" && error.phase === "weights")) throw error;
    if (action === "rollback") {
      if (++this.#rollbacks > MOST_ROLLBACKS) throw error;
      this.#rollBack(this.#epochStart!);
      return;
    }
    this.#stepInEpoch++;
    this.#step++;
    if (this.#stepInEpoch === this.#steps && this.#totals.samples === 0) throw error; // no step of the epoch was good
  }

  #here(): EpochStart {
    return {
      stepInEpoch: this.#stepInEpoch,
      step: this.#step,
      totals: this.#totals,
      weights: this.#session.readWeights(),
      slots: this.#session.readSlots(),
    };
  }

  #rollBack({ stepInEpoch, step, totals, weights, slots }: EpochStart): void {
    this.#stepInEpoch = stepInEpoch;
    this.#step = step;
    this.#totals = totals;
    this.#session.writeWeights(weights);
    this.#session.writeSlots(slots);
    this.#guarded.invalidate();
    if (typeof this.#fit.compiled.optimizer.learningRate === "number") this.#learningRate *= ROLLBACK_FACTOR;
    else this.#scheduleFactor *= ROLLBACK_FACTOR;
  }

  /** How many of the epoch's steps so far were left out: their samples are missing in the sums. */
  #skippedSteps(): number {
    const { batchSize, training } = this.#fit;
    const missing = Math.min(this.#stepInEpoch * batchSize, training.count) - this.#totals.samples;
    return Math.ceil(missing / batchSize);
  }

  /** Adds val_… to the logs. Whether there was a validation; undefined when it was interrupted, and will be repeated. */
  async #validate(logs: Logs): Promise<boolean | undefined> {
    const { validation, options, compiled, batchSize } = this.#fit;
    if (!validation || (this.#epoch + 1) % (options.validationFrequency ?? 1) !== 0) return false;
    const steps = Math.ceil(validation.count / batchSize);
    const totals = await this.#saveDuring(
      this.#session.evaluate(this.#progress("validation", steps), options.signal),
    );
    if (options.signal?.aborted) return undefined;
    Object.assign(logs, logsOf(totals, compiled.metrics, "val_"));
    return true;
  }

  /** Lets those save whose time has come. Not once training is to end: the epoch is then shorter than a resumed one would be. */
  async #save(): Promise<void> {
    if (this.#context.stopTraining) return;
    for (const callback of this.#clock.due(this.#step)) {
      const began = performance.now();
      await callback.onSave?.(this.#context, "step");
      this.#clock.held(callback, performance.now() - began);
    }
  }

  /** A validation changes nothing that is saved, so it need not stop for it. */
  async #saveDuring<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    finished.catch(() => {}); // it is awaited below, unless saving throws before
    while (!done && !this.#context.stopTraining) {
      const delay = this.#clock.delayMs();
      if (delay === undefined) break;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const due = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, delay);
      });
      await Promise.race([finished, due]).finally(() => clearTimeout(timer));
      if (!done) await this.#save();
    }
    return finished;
  }

  #remember(epoch: number, logs: Logs, validated: boolean): void {
    this.#history.epochs.push(epoch);
    if (validated) this.#history.validationEpochs.push(epoch);
    for (const [name, value] of Object.entries(logs)) {
      this.#history.logs[name] ??= [];
      this.#history.logs[name].push(value);
    }
  }

  /** Of the next step. */
  #rate(): number {
    const { learningRate } = this.#fit.compiled.optimizer;
    if (typeof learningRate === "number") return this.#learningRate;
    return learningRateAt(learningRate, this.#step) * this.#scheduleFactor;
  }

  #stopped(): boolean {
    const { signal, maxSteps } = this.#fit.options;
    return (signal?.aborted ?? false) || this.#step >= (maxSteps ?? Number.POSITIVE_INFINITY);
  }

  #progress(phase: Progress["phase"], steps: number) {
    if (!this.#callbacks.some((callback) => callback.onProgress)) return undefined;
    const { metrics } = this.#fit.compiled;
    const prefix = phase === "validation" ? "val_" : "";
    let before = phase === "validation" ? NOTHING : this.#totals;
    return (step: number, totals: Totals, stepMs: number) => {
      const recent = totals.samples > before.samples ? minus(totals, before) : totals;
      before = totals;
      const progress: Progress = {
        epoch: this.#epoch,
        epochs: this.#epochs,
        step,
        steps,
        stepMs,
        logs: logsOf(totals, metrics, prefix),
        recent: logsOf(recent, metrics, prefix),
        phase,
      };
      for (const callback of this.#callbacks) callback.onProgress?.(progress, this.#context);
    };
  }

  async #each(call: (callback: Callback) => void | Promise<void> | undefined): Promise<void> {
    for (const callback of this.#callbacks) await call(callback);
  }

  #state(): TrainingState {
    const { loss, correct, topK, samples } = this.#totals;
    const callbacks: Record<string, unknown> = {};
    for (const [key, callback] of stateKeys(this.#callbacks)) {
      const state = callback.getState?.();
      if (state !== undefined) callbacks[key] = state;
    }
    return {
      formatVersion: 2,
      seed: this.#fit.seed,
      batchSize: this.#fit.batchSize,
      epoch: this.#epoch,
      stepInEpoch: this.#stepInEpoch,
      step: this.#step,
      learningRate: this.#rate(),
      ...(this.#scheduleFactor !== 1 && { scheduleFactor: this.#scheduleFactor }),
      totals: [loss, correct, topK, samples],
      history: structuredClone(this.#history),
      stopped: this.#context.stopTraining,
      callbacks,
      optimizer: this.#fit.compiled.optimizer,
      ...dataSettings(this.#fit),
      weights: this.#session.readWeights(),
      slots: this.#session.readSlots(),
    };
  }
}

function minus(a: Totals, b: Totals): Totals {
  return {
    loss: a.loss - b.loss,
    correct: a.correct - b.correct,
    topK: a.topK - b.topK,
    samples: a.samples - b.samples,
  };
}

interface EpochStart {
  readonly stepInEpoch: number;
  readonly step: number;
  readonly totals: Totals;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly slots: ReadonlyMap<string, Float32Array>;
}

/** Under what name each callback's state is kept: its own; two of the same name are told apart by their order. */
function stateKeys(callbacks: readonly Callback[]): [string, Callback][] {
  const seen = new Map<string, number>();
  return callbacks.map((callback, index) => {
    const name = callback.name ?? `callback ${index}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return [count === 1 ? name : `${name} #${count}`, callback];
  });
}

/** Runs `work` with a signal that is set off by the given one, or when `pauseMs` have passed. */
async function stoppable<T>(
  signal: AbortSignal | undefined,
  pauseMs: number | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (pauseMs === undefined) return work(signal);
  const controller = new AbortController();
  const stop = () => controller.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(stop, pauseMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** What would make the continuation differ from the uninterrupted run. */
function checkResume(resume: TrainingState, fit: Fit): void {
  for (const key of ["seed", "batchSize"] as const) {
    if (resume[key] !== fit[key]) {
      throw new OptionError(mustBe("fit", key, `be ${resume[key]}, as in the run that is resumed`, fit[key]));
    }
  }
  if (resume.optimizer.name !== fit.compiled.optimizer.name) {
    throw new OptionError(
      `fit: the run that is resumed uses ${resume.optimizer.name}; got ${fit.compiled.optimizer.name}.`,
    );
  }
  differs("fit", dataSettings(resume), dataSettings(fit));
  differs("fit: optimizer", optimizerSettings(resume.optimizer), optimizerSettings(fit.compiled.optimizer));
  for (const name of fit.weights.keys()) {
    if (!resume.weights.has(name))
      throw new CbapdError(`fit: the run that is resumed has no weight "${name}".`);
  }
  const slots = slotNames(fit.compiled.optimizer).flatMap((slot) =>
    weightSpecs(fit.graph)
      .filter(({ trainable }) => trainable)
      .map(({ name }) => `${slot}/${name}`),
  );
  const missing = slots.find((name) => !resume.slots.has(name));
  if (missing !== undefined || slots.length !== resume.slots.size) {
    const surplus = [...resume.slots.keys()].find((name) => !slots.includes(name));
    const other = missing ? `lacks ${missing}` : `has ${surplus} too`;
    throw new OptionError(
      `fit: the run that is resumed ${other}: the same layers must be frozen as in it, or not frozen.`,
    );
  }
}

/** What is done to the training data, as far as anything is. */
function dataSettings(given: Fit | TrainingState) {
  const { augment, mixup, labelSmoothing, classWeights } =
    "compiled" in given
      ? {
          augment: given.augmentation,
          mixup: given.mixup,
          labelSmoothing: given.compiled.loss.labelSmoothing,
          classWeights: given.training.classWeights && Array.from(given.training.classWeights),
        }
      : given;
  return {
    ...(augment && { augment }),
    ...(mixup && { mixup }),
    ...(labelSmoothing && { labelSmoothing }),
    ...(classWeights && { classWeights }),
  };
}

/** A learning rate that is a number goes on from what it had become; only a schedule must be the same. */
function optimizerSettings({ learningRate, ...rest }: Optimizer) {
  return typeof learningRate === "number" ? rest : { learningRate, ...rest };
}

/** @throws OptionError naming the first setting that is not as it was */
function differs(where: string, before: object, now: object): void {
  const [old, current] = [before, now] as Record<string, unknown>[];
  for (const name of new Set([...Object.keys(old), ...Object.keys(current)])) {
    if (sameValue(old[name], current[name])) continue;
    const rule = `be ${name in old ? show(old[name]) : "left out"}, as in the run that is resumed`;
    throw new OptionError(
      `${where}: ${name} must ${rule}; got ${name in current ? show(current[name]) : "none"}.`,
    );
  }
}
