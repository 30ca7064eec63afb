/** The real session: records the programs, lays out the shared memory, starts the gang. */
import { startGang as startThreads } from "#gang";
import { availableWorkers } from "#platform";
import { loadCore } from "../backend/wasm/loader.js";
import { alignUp } from "../backend/wasm/plan.js";
import { finishProgram, type Program } from "../backend/wasm/program.js";
import type { Recorder } from "../backend/wasm/recorder.js";
import { STEP_NUMBERS } from "../backend/wasm/state.js";
import type { Graph } from "../models/graph.js";
import { sizeOf } from "../shape.js";
import { CONTROL_PROGRESS } from "../workers/control.js";
import type { Gang, GangSetup, StretchResult, WorkerStretch } from "../workers/gang.js";
import { inlineGang } from "../workers/inline.js";
import { describeFinding, findBadWeight } from "./badNumber.js";
import { allocateMemory } from "./memoryBudget.js";
import { AVERAGE, type DataRegions, layOut, type Regions, type WeightRegion } from "./regions.js";
import {
  type BadNumber,
  NOTHING,
  type Phase,
  type Session,
  type SessionOptions,
  type Stretch,
  type Totals,
  type TrainResult,
} from "./session.js";
import { SessionImages } from "./sessionImages.js";
import { recordEvaluation, recordPrediction, recordTraining } from "./step.js";
import { StepNumbers } from "./stepNumbers.js";
import type { Optimizer } from "./types.js";

const PROGRESS_INTERVAL_MS = 100;
/** Steps for which images are fetched one by one, before all are read. */
const FIRST_STEPS = 8;

type OnProgress = Stretch["onProgress"];

/** @param startGang  a seam for tests */
export async function openSession(
  options: SessionOptions,
  startGang: (setup: GangSetup) => Gang | Promise<Gang> = startThreads,
): Promise<Session> {
  const plan = planSession(options);
  const { regions, programs, indices, memoryBytes } = plan;
  const memory = allocateMemory({ name: options.graph.name, batchSize: options.batchSize }, (batchSize) => {
    const { memoryBytes, regions } =
      batchSize === options.batchSize ? plan : planSession({ ...options, batchSize });
    return { memoryBytes, heldBytes: heldBytes(regions) };
  });
  const images = new SessionImages(memory.buffer, regions);
  const setup: GangSetup = {
    core: await loadCore(options.fast),
    memory,
    layout: {
      control: regions.control,
      blocks: plan.blocks,
      ownBytes: plan.ownBytes,
      totals: regions.totals,
    },
    workers: plan.workers,
    threads: plan.threads,
    programs,
    timeline: options.watch?.(wholeBatches(programs, indices)),
  };
  const gang = options.workers === "inline" ? inlineGang(setup) : await startGang(setup);
  return new SharedSession(options, regions, memory, memoryBytes, gang, programs, indices, images);
}

/** Everything that is decided before any memory is taken. */
interface SessionPlan {
  readonly regions: Regions;
  readonly programs: readonly Program[];
  readonly indices: ProgramIndices;
  readonly workers: number;
  readonly threads: number;
  /** Address of the threads' own blocks, and the bytes of each. */
  readonly blocks: number;
  readonly ownBytes: number;
  readonly memoryBytes: number;
}

function planSession(options: SessionOptions): SessionPlan {
  const { graph, optimizer, batchSize, training, evaluation } = options;
  const regions = layOut(graph, optimizer, batchSize, training, evaluation);
  const { programs, indices } = recordPrograms(options, regions);
  const workers = options.workers === "inline" ? 1 : options.workers;
  // A profile wants to see each worker alone.
  const most = options.watch ? workers : availableWorkers();
  const threads = Math.min(workers, options.threads ?? most);
  const ownBytes = alignUp(Math.max(...programs.map((program) => program.ownBytes), 64));
  const blocks = alignUp(Math.max(...programs.map((program) => program.end), regions.end));
  const memoryBytes = blocks + threads * ownBytes;
  return { regions, programs, indices, workers, threads, blocks, ownBytes, memoryBytes };
}

/** Bytes that training takes, data apart: weights, gradients, optimizer slots, activations, scratch of one worker. */
export function trainingMemoryBytes(graph: Graph, optimizer: Optimizer, batchSize: number): number {
  const size = sizeOf(graph.nodes[0].outputShape);
  const training = {
    count: batchSize,
    images: new Uint8Array(batchSize * size),
    scale: 1,
    labels: new Uint8Array(batchSize),
  };
  const loss = { name: "sparseCategoricalCrossentropy", fromLogits: false } as const;
  const regions = layOut(graph, optimizer, batchSize, training, undefined);
  const program = finishProgram(recordTraining({ graph, loss, optimizer }, regions, batchSize), regions.end);
  return program.end + program.ownBytes;
}

/** What the fit loop holds outside of the shared memory: see guardedSteps.ts. */
function heldBytes(regions: Regions): number {
  return regions.training ? regions.trainableBytes * (1 + regions.slots.size) + regions.movingBytes : 0;
}

/** For each phase the programs of whole batches and of the last, smaller one: [whole, last]. */
type ProgramIndices = Partial<Record<Phase, readonly [number, number]>>;

function recordPrograms(
  options: SessionOptions,
  regions: Regions,
): { programs: Program[]; indices: ProgramIndices } {
  const programs: Program[] = [];
  const indices: ProgramIndices = {};
  const add = (phase: Phase, count: number, record: (batch: number) => Recorder) => {
    const prologue = phase === "evaluation" || phase === "prediction";
    const finish = (batch: number) =>
      programs.push(finishProgram(record(batch), regions.end, { prologue, unfused: options.unfused })) - 1;
    const whole = Math.min(options.batchSize, count);
    const rest = count % options.batchSize;
    const first = finish(whole);
    indices[phase] = [first, rest === 0 || rest === whole ? first : finish(rest)];
  };
  const { training, evaluation } = options;
  if (training) {
    if (options.optimizer)
      add("training", training.count, (batch) => recordTraining(options, regions, batch));
    const batch = Math.min(options.batchSize, training.count);
    const asTheyAre = { ...options, optimizer: undefined, augmentation: undefined, mixup: undefined };
    add("gradients", batch, () => recordTraining(asTheyAre, regions, batch));
  }
  if (evaluation) {
    if (evaluation.labels.length > 0) {
      add("evaluation", evaluation.count, (batch) => recordEvaluation(options, regions, batch));
    }
    add("prediction", evaluation.count, (batch) => recordPrediction(options, regions, batch));
  }
  return { programs, indices };
}

function wholeBatches(
  programs: readonly Program[],
  indices: ProgramIndices,
): Partial<Record<Phase, Program>> {
  return Object.fromEntries(Object.entries(indices).map(([phase, [whole]]) => [phase, programs[whole]]));
}

class SharedSession implements Session {
  readonly memoryBytes: number;
  readonly #options: SessionOptions;
  readonly #regions: Regions;
  readonly #gang: Gang;
  readonly #programs: readonly Program[];
  readonly #indices: ProgramIndices;
  /** What hold() copied: area by area. */
  readonly #held: Float32Array[] = [];
  readonly #buffer: ArrayBufferLike;
  readonly #numbers: StepNumbers | undefined;
  readonly #images: SessionImages;
  #trained = false;

  constructor(
    options: SessionOptions,
    regions: Regions,
    memory: WebAssembly.Memory,
    memoryBytes: number,
    gang: Gang,
    programs: readonly Program[],
    indices: ProgramIndices,
    images: SessionImages,
  ) {
    this.#images = images;
    this.#options = options;
    this.#regions = regions;
    this.#buffer = memory.buffer;
    this.memoryBytes = memoryBytes;
    this.#gang = gang;
    this.#programs = programs;
    this.#indices = indices;
    const { optimizer, mixup: alpha, seed } = options;
    this.#numbers =
      optimizer && new StepNumbers(optimizer, alpha === undefined ? undefined : { alpha, seed });
    for (const region of [regions.training, regions.evaluation]) if (region) this.#copyLabels(region);
  }

  readWeights(averaged = false): Map<string, Float32Array> {
    return new Map(
      this.#regions.weights.map((weight) => [weight.spec.name, this.#weight(weight, averaged).slice()]),
    );
  }

  writeWeights(weights: ReadonlyMap<string, Float32Array>): void {
    for (const weight of this.#regions.weights) {
      for (const averaged of [false, true])
        this.#weight(weight, averaged).set(weights.get(weight.spec.name)!);
    }
  }

  readGradients(): Map<string, Float32Array> {
    const gradients = new Map<string, Float32Array>();
    for (const { spec, offset } of this.#regions.weights) {
      if (!spec.trainable) continue;
      const values = this.#floats(this.#regions.gradients + offset, sizeOf(spec.shape));
      gradients.set(spec.name, values.slice());
    }
    return gradients;
  }

  readSlots(): Map<string, Float32Array> {
    return new Map(this.#slots().map(({ name, values }) => [name, values.slice()]));
  }

  writeSlots(slots: ReadonlyMap<string, Float32Array>): void {
    for (const { name, values } of this.#slots()) values.set(slots.get(name)!);
  }

  setOrder(order: Int32Array): void {
    this.#ints(this.#regions.training!.order, order.length).set(order);
  }

  async train(stretch: Stretch): Promise<TrainResult> {
    const { from, step, watchNumbers, inspect } = stretch;
    const to = await this.#stepsWithImages(stretch);
    const { training, stepNumbers } = this.#regions;
    this.#numbers!.fill(this.#floats(stepNumbers, (to - from) * STEP_NUMBERS.length), stretch);
    this.#writeTotals(stretch.totals);
    const { steps, bad, finding } = await this.#run(
      "training",
      { count: training!.data.count, from, to, step, stepNumbers, watchNumbers, inspect },
      stretch.onProgress,
      stretch.signal,
      stretch.progressMs,
    );
    const found = finding && describeFinding(finding, this.#programs, this.#regions, this.#buffer);
    return {
      steps,
      totals: this.#readTotals(),
      bad,
      finding: found && this.#withExample(found, from + steps - 1),
    };
  }

  /** Where a stretch ends: the first one early where images lie in a file, so that training need not wait for all of them. */
  async #stepsWithImages({ from, to }: Stretch): Promise<number> {
    if (this.#trained) {
      await this.#images.training();
      // Training need not wait for what validation will look at; but if that cannot be had, it ends soon.
      await this.#images.prepareEvaluation();
      return to;
    }
    this.#trained = true;
    const { order, data } = this.#regions.training!;
    const { batchSize } = this.#options;
    const examples = this.#ints(order, data.count).subarray(from * batchSize, to * batchSize);
    const there = await this.#images.firstOf(examples, FIRST_STEPS * batchSize);
    return there === examples.length ? to : from + there / batchSize;
  }

  hold(): void {
    const areas = this.#areas();
    for (const [i, area] of areas.entries()) {
      this.#held[i] ??= new Float32Array(area.length);
      this.#held[i].set(area);
    }
  }

  restore(): void {
    for (const [i, area] of this.#areas().entries()) area.set(this.#held[i]);
  }

  findBadWeight(): BadNumber | undefined {
    return findBadWeight(this.#regions, this.#buffer);
  }

  /** All that a training step changes for good. */
  #areas(): Float32Array[] {
    const { trainable, trainableBytes, moving, movingBytes, slots } = this.#regions;
    return [
      this.#floats(trainable, trainableBytes / 4),
      this.#floats(moving, movingBytes / 4),
      ...Array.from(slots.values(), (slot) => this.#floats(slot, trainableBytes / 4)),
    ];
  }

  /** Which image of the data is meant, not which of the batch. */
  #withExample(bad: BadNumber, step: number): BadNumber {
    if (bad.phase !== "data") return bad;
    const { order, data } = this.#regions.training!;
    const [n, ...index] = bad.index;
    const example = this.#ints(order, data.count)[step * this.#options.batchSize + n];
    return { ...bad, what: `image ${example}`, index };
  }

  async evaluate(onProgress?: OnProgress, signal?: AbortSignal): Promise<Totals> {
    const { count } = this.#regions.evaluation!.data;
    await this.#images.evaluation();
    this.#writeTotals(NOTHING);
    await this.#run("evaluation", this.#whole(count), onProgress, signal);
    return this.#readTotals();
  }

  async predict(): Promise<Float32Array> {
    const { count } = this.#regions.evaluation!.data;
    await this.#images.evaluation();
    await this.#run("prediction", this.#whole(count));
    return this.outputs();
  }

  outputs(): Float32Array {
    const { count } = this.#regions.evaluation!.data;
    const { graph } = this.#options;
    const outputs = sizeOf(graph.nodes[graph.output].outputShape);
    return this.#floats(this.#regions.results, count * outputs).slice();
  }

  async gradients(): Promise<{ totals: Totals; gradients: Map<string, Float32Array> }> {
    const held = this.readWeights();
    const count = Math.min(this.#options.batchSize, this.#regions.training!.data.count);
    this.setOrder(identity(this.#regions.training!.data.count));
    this.#writeTotals(NOTHING);
    await this.#images.training();
    await this.#run("gradients", this.#whole(count));
    this.writeWeights(held); // the step moved the moving statistics
    return { totals: this.#readTotals(), gradients: this.readGradients() };
  }

  async close(): Promise<void> {
    await this.#images.settled();
    await this.#gang.close();
  }

  #whole(count: number): Pick<WorkerStretch, "count" | "from" | "to" | "step" | "stepNumbers"> {
    return { count, from: 0, to: Math.ceil(count / this.#options.batchSize), step: 0, stepNumbers: 0 };
  }

  async #run(
    phase: Phase,
    stretch: Omit<WorkerStretch, "program" | "lastProgram" | "batchSize" | "seed">,
    onProgress?: OnProgress,
    signal?: AbortSignal,
    progressMs = PROGRESS_INTERVAL_MS,
  ): Promise<StretchResult> {
    const [program, lastProgram] = this.#indices[phase]!;
    const { batchSize, seed } = this.#options;
    const progress = (this.#regions.control + CONTROL_PROGRESS) >>> 2;
    const words = new Int32Array(this.#buffer);
    const requestStop = () => this.#gang.requestStop();
    const started = performance.now();
    const report = () => {
      const done = Atomics.load(words, progress) - stretch.from;
      if (done > 0)
        onProgress?.(stretch.from + done, this.#readTotals(), (performance.now() - started) / done);
    };
    Atomics.store(words, progress, stretch.from);
    if (signal?.aborted) requestStop();
    signal?.addEventListener("abort", requestStop, { once: true });
    const timer = onProgress && setInterval(report, progressMs);
    try {
      return await this.#gang.run({ ...stretch, program, lastProgram, batchSize, seed });
    } finally {
      clearInterval(timer);
      signal?.removeEventListener("abort", requestStop);
      report();
    }
  }

  #copyLabels({ data, labels, classWeights, order }: DataRegions): void {
    if (labels !== 0) copyIn(this.#buffer, labels, data.labels);
    if (data.classWeights) copyIn(this.#buffer, classWeights, data.classWeights);
    this.#ints(order, data.count).set(identity(data.count));
  }

  #weight({ spec, offset }: WeightRegion, averaged: boolean): Float32Array {
    const { trainable, moving, slots } = this.#regions;
    const base = spec.trainable ? (averaged && slots.get(AVERAGE)) || trainable : moving;
    return this.#floats(base + offset, sizeOf(spec.shape));
  }

  #slots(): { name: string; values: Float32Array }[] {
    return Array.from(this.#regions.slots).flatMap(([slot, address]) =>
      this.#regions.weights
        .filter(({ spec }) => spec.trainable)
        .map(({ spec, offset }) => ({
          name: `${slot}/${spec.name}`,
          values: this.#floats(address + offset, sizeOf(spec.shape)),
        })),
    );
  }

  #writeTotals({ loss, correct, topK, samples }: Totals): void {
    new Float64Array(this.#buffer, this.#regions.totals, 4).set([loss, correct, topK, samples]);
  }

  #readTotals(): Totals {
    const [loss, correct, topK, samples] = new Float64Array(this.#buffer, this.#regions.totals, 4);
    return { loss, correct, topK, samples };
  }

  #floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#buffer, address, length);
  }

  #ints(address: number, length: number): Int32Array {
    return new Int32Array(this.#buffer, address, length);
  }
}

function identity(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

function copyIn(memory: ArrayBufferLike, address: number, values: ArrayBufferView): void {
  const { buffer, byteOffset, byteLength } = values;
  new Uint8Array(memory, address, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
}
