/** The fit loop: epochs, batches, validation, callbacks; interruptible after any step, and resumable from there. */
import { type NumberError, OptionError } from "../errors.js";
import type { Graph } from "../models/graph.js";
import { permutation } from "../random.js";
import { CallbackList } from "./callbackList.js";
import { checkResume, dataSettings } from "./checkResume.js";
import { type Compiled, logsOf } from "./compile.js";
import { GuardedSteps, HOLD_STEPS, numberError } from "./guardedSteps.js";
import { openSession } from "./openSession.js";
import { SaveClock } from "./saveClock.js";
import { learningRateAt } from "./schedules.js";
import { NOTHING, type Session, type SessionData, type Totals } from "./session.js";
import type {
  Augmentation,
  CallbackContext,
  FitOptions,
  FitResult,
  History,
  Logs,
  Progress,
  TrainingState,
} from "./types.js";

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
  readonly #callbacks: CallbackList;
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
    this.#callbacks = new CallbackList(fit.options.callbacks ?? []);
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
    this.#clock = new SaveClock(this.#callbacks.all, this.#step);
    this.#callbacks.restore(resume?.callbacks ?? {});
  }

  async run(): Promise<FitResult> {
    await this.#callbacks.each((callback) => callback.onTrainBegin?.(this.#context));
    let interrupted = false;
    while (this.#epoch < this.#epochs && !this.#context.stopTraining && !interrupted) {
      interrupted = !(await this.#runEpoch());
    }
    await this.#callbacks.each((callback) => callback.onTrainEnd?.(this.#context));
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
      await this.#callbacks.each((callback) => callback.onEpochBegin?.(epoch, this.#context));
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
    await this.#callbacks.each((callback) => callback.onEpochEnd?.(epoch, logs, this.#context));
    this.#clock.reset(this.#step);
    await this.#callbacks.each((callback) => callback.onSave?.(this.#context, "epoch"));
    return !this.#stopped();
  }

  /** The epoch's remaining steps: in one stretch, or one by one when a callback wants to know of each. */
  async #runSteps(): Promise<boolean> {
    const oneByOne = this.#callbacks.batchwise;
    const { options, compiled } = this.#fit;
    const scheduled = compiled.optimizer.learningRate;
    while (this.#stepInEpoch < this.#steps && !this.#context.stopTraining) {
      if (this.#stopped()) return false;
      const from = this.#stepInEpoch;
      const allowed = (options.maxSteps ?? Number.POSITIVE_INFINITY) - this.#step;
      const most = oneByOne ? 1 : Math.min(allowed, this.#clock.stepsLeft(this.#step), HOLD_STEPS);
      const to = Math.min(this.#steps, from + most);
      await this.#callbacks.each((callback) => callback.onBatchBegin?.(from, this.#context));
      const pause = oneByOne ? undefined : this.#clock.delayMs();
      const { steps, totals, bad } = await stoppable(options.signal, pause, (signal) =>
        this.#guarded.train({
          from,
          to,
          step: this.#step,
          learningRate: typeof scheduled === "number" ? this.#learningRate : scheduled,
          scheduleFactor: this.#scheduleFactor,
          totals: this.#totals,
          onProgress: this.#progress("training"),
          progressMs: this.#callbacks.progressMs,
          signal,
        }),
      );
      this.#stepInEpoch += steps;
      this.#step += steps;
      this.#totals = totals;
      if (oneByOne && steps > 0) {
        const logs = logsOf(totals, this.#fit.compiled.metrics);
        await this.#callbacks.each((callback) => callback.onBatchEnd?.(from, logs, this.#context));
      }
      if (bad) await this.#onBad(numberError(bad, this.#epoch + 1, this.#stepInEpoch + 1));
      await this.#save();
    }
    return !options.signal?.aborted;
  }

  /** The step at `stepInEpoch` was bad, and has been undone. @throws NumberError */
  async #onBad(error: NumberError): Promise<void> {
    const action = this.#fit.options.onNaN ?? "stop";
    await this.#callbacks.each((callback) => callback.onNaN?.({ error, action }, this.#context));
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

  #progress(phase: Progress["phase"], steps = this.#steps) {
    const reported = { epoch: this.#epoch, epochs: this.#epochs, steps, phase };
    const before = phase === "training" ? this.#totals : NOTHING;
    return this.#callbacks.progress(reported, before, this.#fit.compiled, this.#context);
  }

  #state(): TrainingState {
    const { loss, correct, topK, samples } = this.#totals;
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
      callbacks: this.#callbacks.states(),
      optimizer: this.#fit.compiled.optimizer,
      ...dataSettings(this.#fit),
      weights: this.#session.readWeights(),
      slots: this.#session.readSlots(),
    };
  }
}

interface EpochStart {
  readonly stepInEpoch: number;
  readonly step: number;
  readonly totals: Totals;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly slots: ReadonlyMap<string, Float32Array>;
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
