/** A network with weights: Keras' face on a graph. */
import { availableWorkers } from "#platform";
import type { Dataset } from "../data/dataset.js";
import { mustBe, OptionError, ShapeError, show, unknownName } from "../errors.js";
import { type Graph, weightSpecs, withTrainable } from "../models/graph.js";
import { initialWeights } from "../models/initializers.js";
import { graphToKeras } from "../models/kerasWrite.js";
import { summaryData, summaryText } from "../models/summary.js";
import { sizeOf } from "../shape.js";
import { resolveAugmentation } from "./augmentation.js";
import { saveModel } from "./checkpoint.js";
import { resolveClassWeight } from "./classWeight.js";
import { type Compiled, logsOf, resolveCompile } from "./compile.js";
import { inputData, sessionData, split } from "./data.js";
import { runFit } from "./fit.js";
import { GuardedSteps, numberError } from "./guardedSteps.js";
import { resolveMixup } from "./mixup.js";
import { ModelLayer } from "./modelLayer.js";
import { openSession } from "./openSession.js";
import { type ClassificationReport, classificationReport } from "./report.js";
import { NOTHING, type SessionData } from "./session.js";
import type {
  ArrayData,
  ClassWeight,
  CompileOptions,
  EvaluateOptions,
  FitData,
  FitOptions,
  FitResult,
  Logs,
  Optimizer,
} from "./types.js";

const BATCH_SIZE = 32;

type BatchOptions = Pick<ArrayData, "scale"> & Pick<FitOptions, "classWeight">;

export class Model {
  #graph: Graph;
  #weights: Map<string, Float32Array> | undefined;
  #compiled: Compiled | undefined;
  /** Of trainOnBatch: optimizer slots and steps done, since compile. */
  #slots: ReadonlyMap<string, Float32Array> | undefined;
  #step = 0;

  /** @param weights default: drawn when first needed, from fit's seed, or from seed 0 */
  constructor(graph: Graph, weights?: ReadonlyMap<string, Float32Array>) {
    this.#graph = graph;
    if (weights) this.setWeights(weights);
  }

  /** What it is made of; another object once a layer is frozen or thawed. */
  get graph(): Graph {
    return this.#graph;
  }

  get name(): string {
    return this.graph.name;
  }

  /** In order, the input first. */
  get layers(): readonly ModelLayer[] {
    return this.graph.nodes.map(({ name }) => new ModelLayer(this, name));
  }

  /** @throws OptionError with the nearest right name */
  getLayer(name: string): ModelLayer {
    this.#checkNames("getLayer", [name]);
    return new ModelLayer(this, name);
  }

  /** These layers' parameters stay as they are from the next `fit` on; without names, all layers'. @throws OptionError */
  freeze(...names: readonly string[]): this {
    return this.setTrainable(names.length > 0 ? names : this.#names(), false);
  }

  /** These layers learn again; without names, all do. @throws OptionError */
  unfreeze(...names: readonly string[]): this {
    return this.setTrainable(names.length > 0 ? names : this.#names(), true);
  }

  /** What `freeze` and `layer.trainable` do. An optimizer's state, as `trainOnBatch` keeps it, starts anew. @throws OptionError */
  setTrainable(names: readonly string[], trainable: boolean): this {
    this.#checkNames(trainable ? "unfreeze" : "freeze", names);
    this.#graph = withTrainable(this.#graph, new Set(names), trainable);
    this.#slots = undefined;
    this.#step = 0;
    return this;
  }

  /** Prints layers, output shapes, parameters, receptive fields, multiply-adds, and totals. */
  summary(): void {
    console.log(summaryText(this.graph));
  }

  countParams(): number {
    return summaryData(this.graph).totalParameters;
  }

  /** @throws OptionError */
  compile(options: CompileOptions): this {
    this.#compiled = resolveCompile(options);
    checkExclusions(this.#compiled.optimizer, this.graph);
    this.#slots = undefined;
    this.#step = 0;
    return this;
  }

  /**
   * Trains. Aborting `signal` ends after the step in work; `resume` goes on from there, bit for bit.
   * @throws OptionError, ShapeError, DataError before anything starts; WorkerError; NumberError (see `onNaN`)
   */
  async fit(data: FitData, options: FitOptions = {}): Promise<FitResult> {
    const compiled = this.#needsCompile("fit");
    this.#needsTrainable("fit");
    const { batchSize = BATCH_SIZE, epochs = 1, workers = availableWorkers(), seed = 0 } = options;
    const { validationFrequency = 1, maxSteps = 1, onNaN = "stop" } = options;
    if (!["stop", "skip", "rollback"].includes(onNaN)) {
      throw new OptionError(mustBe("fit", "onNaN", 'be "stop", "skip" or "rollback"', onNaN));
    }
    checkIntegers("fit", { batchSize, epochs, workers, validationFrequency, maxSteps });
    checkSeed("fit", seed);
    const augmentation = resolveAugmentation(options.augment, this.graph.nodes[0].outputShape);
    let training = sessionData("fit", this.graph, data, compiled.loss.name);
    let validation: SessionData | undefined;
    if (options.validationData) {
      validation = sessionData("fit: validationData", this.graph, options.validationData, compiled.loss.name);
    } else if (options.validationSplit !== undefined) {
      [training, validation] = split(this.graph, training, options.validationSplit);
    }
    training = this.#weighted("fit", training, options.classWeight);
    this.#weights ??= initialWeights(this.graph, seed);
    return runFit({
      graph: this.graph,
      compiled,
      training,
      validation,
      batchSize,
      workers,
      seed,
      augmentation,
      mixup: resolveMixup(options.mixup),
      options,
      weights: this.#weights,
      keepWeights: (weights) => {
        this.#weights = weights;
      },
    });
  }

  /** Loss and the compiled metrics over all of `data`. */
  async evaluate(data: FitData, options: EvaluateOptions = {}): Promise<Logs> {
    return (await this.#evaluate("evaluate", data, options)).logs;
  }

  /** Precision, recall and F1 of each class, the confusion matrix, the mistakes, worst first; and what `evaluate` gives. */
  async classificationReport(
    data: FitData,
    options: EvaluateOptions = {},
  ): Promise<ClassificationReport & { readonly logs: Logs }> {
    const where = "classificationReport";
    const { logs, labels, outputs } = await this.#evaluate(where, data, options, true);
    const names = "classes" in data ? data.classes : undefined;
    return { ...classificationReport(labels, outputs, this.#classes(), names), logs };
  }

  /** [label][predicted]: how many examples of each class were taken for each. */
  async confusionMatrix(data: FitData, options: EvaluateOptions = {}): Promise<number[][]> {
    const { labels, outputs } = await this.#evaluate("confusionMatrix", data, options, true);
    const { confusionMatrix } = classificationReport(labels, outputs, this.#classes());
    return confusionMatrix.map((row) => [...row]);
  }

  async #evaluate(where: string, data: FitData, options: EvaluateOptions, keepOutputs = false) {
    const { loss, metrics, exact, fast } = this.#needsCompile(where);
    const { batchSize = BATCH_SIZE, workers = availableWorkers(), onProgress, signal } = options;
    checkIntegers(where, { batchSize, workers });
    const evaluation = sessionData(where, this.graph, data, loss.name);
    const session = await openSession({
      graph: this.graph,
      loss,
      exact,
      fast,
      batchSize,
      workers,
      seed: 0,
      evaluation,
      keepOutputs,
    });
    try {
      session.writeWeights(this.#ownWeights());
      const steps = Math.ceil(evaluation.count / batchSize);
      const totals = await session.evaluate(
        onProgress &&
          ((step, sums, stepMs) => {
            const logs = logsOf(sums, metrics);
            onProgress({ epoch: 0, epochs: 1, step, steps, stepMs, logs, phase: "validation" });
          }),
        signal,
      );
      const outputs = keepOutputs ? session.outputs() : new Float32Array(0);
      return { logs: logsOf(totals, metrics), labels: evaluation.labels, outputs };
    } finally {
      await session.close();
    }
  }

  /** The network's outputs, row-major [count, classes]. `x` holds whole examples; bytes are scaled by 1/255. */
  async predict(
    x: Dataset | Float32Array | Uint8Array,
    options: EvaluateOptions & Pick<ArrayData, "scale"> = {},
  ): Promise<Float32Array> {
    const { batchSize = BATCH_SIZE, workers = availableWorkers(), scale } = options;
    checkIntegers("predict", { batchSize, workers });
    const evaluation = inputData(this.graph, ArrayBuffer.isView(x) ? { x, scale } : x);
    const loss = { name: "sparseCategoricalCrossentropy", fromLogits: false } as const;
    const few = evaluation.count <= batchSize;
    const session = await openSession({
      graph: this.graph,
      loss,
      exact: this.#compiled?.exact,
      fast: this.#compiled?.fast,
      batchSize,
      workers: few ? "inline" : workers,
      seed: 0,
      evaluation,
    });
    try {
      session.writeWeights(this.#ownWeights());
      return await session.predict();
    } finally {
      await session.close();
    }
  }

  /**
   * One step of the optimizer on one batch; its state lives on until the next compile.
   * @throws NumberError when it gives a number that is infinite or NaN; then nothing has changed
   */
  async trainOnBatch(x: ArrayData["x"], y: ArrayData["y"], options: BatchOptions = {}): Promise<Logs> {
    const compiled = this.#needsCompile("trainOnBatch");
    this.#needsTrainable("trainOnBatch");
    return this.#onBatch("trainOnBatch", x, y, options, async (session) => {
      if (this.#slots) session.writeSlots(this.#slots);
      const { learningRate } = compiled.optimizer;
      const stretch = { from: 0, to: 1, step: this.#step, learningRate, totals: NOTHING };
      const done = await new GuardedSteps(session).train(stretch);
      if (done.bad) throw numberError(done.bad, 1, this.#step + 1);
      this.#slots = session.readSlots();
      this.#weights = session.readWeights();
      this.#step++;
      return logsOf(done.totals, compiled.metrics);
    });
  }

  /** Gradients of the batch's mean loss, L2 included, with respect to every trainable weight; changes nothing. */
  async gradients(
    x: ArrayData["x"],
    y: ArrayData["y"],
    options: BatchOptions = {},
  ): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
    this.#needsCompile("gradients");
    return this.#onBatch("gradients", x, y, options, async (session) => {
      const { totals, gradients } = await session.gradients();
      return { loss: totals.loss / totals.samples, gradients };
    });
  }

  /** Draws all weights anew, as `fit` with this seed does for a model that has none yet. @throws OptionError */
  initialize({ seed = 0 }: { readonly seed?: number } = {}): this {
    checkSeed("initialize", seed);
    this.#weights = initialWeights(this.graph, seed);
    return this;
  }

  /** Copies by name, in order. */
  getWeights(): Map<string, Float32Array> {
    return new Map(Array.from(this.#ownWeights(), ([name, values]) => [name, values.slice()]));
  }

  /** By name, or as a list in order. @throws OptionError, ShapeError when any is missing, unknown or of another size */
  setWeights(weights: ReadonlyMap<string, Float32Array> | readonly Float32Array[]): void {
    const specs = weightSpecs(this.graph);
    if (!(weights instanceof Map) && (weights as readonly Float32Array[]).length !== specs.length) {
      const { length } = weights as readonly Float32Array[];
      throw new OptionError(mustBe("setWeights", "weights", `have ${specs.length} entries`, length));
    }
    const named: ReadonlyMap<string, Float32Array> =
      weights instanceof Map
        ? weights
        : new Map(specs.map((spec, i) => [spec.name, (weights as readonly Float32Array[])[i]]));
    const names = specs.map((spec) => spec.name);
    for (const name of named.keys()) {
      if (!names.includes(name)) throw new OptionError(`setWeights: ${unknownName("weight", name, names)}`);
    }
    const own = new Map<string, Float32Array>();
    for (const { name, shape } of specs) {
      const values = named.get(name);
      if (!values) throw new OptionError(`setWeights: weight "${name}" is missing.`);
      if (values.length !== sizeOf(shape)) {
        const rule = `have ${sizeOf(shape)} values, shape [${shape.join(", ")}]`;
        throw new ShapeError(mustBe("setWeights", `weight "${name}"`, rule, values.length));
      }
      own.set(name, Float32Array.from(values));
    }
    this.#weights = own;
  }

  /** The network without its weights, as Keras 3's `model.to_json()` describes it. @throws OptionError for what Keras has not */
  toJSON(): Readonly<Record<string, unknown>> {
    return graphToKeras(this.graph);
  }

  /** One .safetensors file: the weights, and the network's description. @throws FileError */
  save(path: string): Promise<void> {
    return saveModel(path, this.graph, this.#ownWeights());
  }

  #ownWeights(): ReadonlyMap<string, Float32Array> {
    this.#weights ??= initialWeights(this.graph, 0);
    return this.#weights;
  }

  #names(): string[] {
    return this.graph.nodes.map(({ name }) => name);
  }

  #checkNames(where: string, names: readonly string[]): void {
    const known = this.#names();
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new OptionError(`${where}: ${unknownName("layer", String(unknown), known)}`);
    }
  }

  /** @throws OptionError when there are weights, and all are frozen */
  #needsTrainable(method: string): void {
    const specs = weightSpecs(this.graph);
    if (specs.length === 0 || specs.some(({ trainable }) => trainable)) return;
    throw new OptionError(
      `${method}: every layer with weights is frozen; nothing could be learnt. unfreeze one.`,
    );
  }

  #needsCompile(method: string): Compiled {
    if (!this.#compiled) {
      throw new OptionError(`${method}: the model has no loss and optimizer yet. Call compile({ … }) first.`);
    }
    return this.#compiled;
  }

  #weighted(where: string, data: SessionData, classWeight: ClassWeight | undefined): SessionData {
    const classWeights = resolveClassWeight(where, classWeight, data.labels, this.#classes());
    return classWeights ? { ...data, classWeights } : data;
  }

  #classes(): number {
    return sizeOf(this.graph.nodes[this.graph.output].outputShape);
  }

  async #onBatch<T>(
    where: string,
    x: ArrayData["x"],
    y: ArrayData["y"],
    { scale, classWeight }: BatchOptions,
    work: (session: Awaited<ReturnType<typeof openSession>>) => Promise<T>,
  ): Promise<T> {
    const { loss, optimizer, exact, fast } = this.#needsCompile(where);
    const data = sessionData(where, this.graph, { x, y, scale }, loss.name);
    const training = this.#weighted(where, data, classWeight);
    const session = await openSession({
      graph: this.graph,
      loss,
      optimizer,
      exact,
      fast,
      batchSize: training.count,
      workers: "inline",
      seed: 0,
      training,
    });
    try {
      session.writeWeights(this.#ownWeights());
      return await work(session);
    } finally {
      await session.close();
    }
  }
}

/** A name that excludes nothing is a slip of the pen. @throws OptionError */
function checkExclusions({ excludeFromWeightDecay = [] }: Optimizer, graph: Graph): void {
  const names = weightSpecs(graph)
    .filter(({ trainable }) => trainable)
    .map(({ name }) => name);
  for (const part of excludeFromWeightDecay) {
    if (names.some((name) => name.includes(part))) continue;
    throw new OptionError(
      `compile: excludeFromWeightDecay ${show(part)} is in no trainable weight's name, such as ${names[0]}.`,
    );
  }
}

function checkSeed(where: string, seed: number): void {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new OptionError(mustBe(where, "seed", "be an integer in [0, 2^32)", seed));
  }
}

function checkIntegers(where: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(mustBe(where, name, "be a positive integer", value));
    }
  }
}
