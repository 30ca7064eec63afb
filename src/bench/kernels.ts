/**
 * Every kernel on the shapes of the six networks, one core: each distinct layer is recorded forward and backward, held
 * against the float64 reference, and then each of its kernel calls is timed alone. So are gathering, loss and update.
 */
import Benchmark from "benchmark";
import { wasmBackend } from "../backend/wasm/backend.js";
import { Recorder, type WasmTensor } from "../backend/wasm/recorder.js";
import { snakeCase } from "../layers/layer.js";
import { NETWORK_NAMES, NETWORKS, type NetworkName } from "../models/networks.js";
import { compare } from "../verify/chain.js";
import { type LayerDescription, outputShape, specsOf } from "../verify/description.js";
import { DESCRIPTIONS } from "../verify/descriptions/index.js";
import { type Engine, referenceEngine, wasmEngine } from "../verify/engine.js";
import { type LayerCase, runLayer } from "../verify/layer.js";
import { Machine } from "../verify/machine.js";
import { CallProgram, keyOf } from "./callProgram.js";
import { LimitMeter, type Limits } from "./limits.js";
import { STEP_CASES, type StepCase } from "./stepCases.js";

export interface KernelResult {
  readonly network: NetworkName;
  /** What it belongs to: a layer with its shapes, `batch`, `loss`, `update`. */
  readonly layer: string;
  readonly kernel: string;
  /** forward, dX, dKernel, dBias; backward where no product is computed; empty outside of layers. */
  readonly pass: string;
  readonly ms: number;
  /** Of the direct form; Winograd's may exceed the peak. 0 for what is no product. */
  readonly gflops: number;
  readonly shareOfPeak: number;
  /** Each operand counted once. */
  readonly gigabytesPerSecond: number;
  /** Of the memory's; what fits into a cache may exceed it. */
  readonly shareOfBandwidth: number;
}

export interface KernelReport {
  readonly batchSize: number;
  readonly limits: Limits;
  readonly checked: number;
  readonly results: readonly KernelResult[];
}

export interface KernelOptions {
  readonly networks?: readonly NetworkName[];
  /** Only what has this text in layer or kernel. */
  readonly filter?: string;
  readonly batchSize?: number;
  /** Of one kernel call's measurement. */
  readonly measureMs?: number;
  readonly onResult?: (result: KernelResult) => void;
  /** What is held against the reference; for tests, which put a broken one in. */
  readonly engine?: () => Engine<WasmTensor>;
}

/** Images of the check: the reference's plain loops are slow. */
const CHECKED_IMAGES = 1;
/** A relu nearer to its kink than this has a gradient that float32 may see otherwise: only y is compared then. */
const LEAST_MARGIN = 1e-5;
const MEASURE_MS = 200;
const LEAST_SAMPLES = 5;

/** @throws CbapdError when a result is wrong: what is wrong is not timed */
export async function benchKernels(options: KernelOptions = {}): Promise<KernelReport> {
  const { networks = NETWORK_NAMES, filter = "", batchSize = 32, measureMs = MEASURE_MS } = options;
  const meter = await LimitMeter.open();
  const machine = await Machine.open();
  const engine = options.engine ?? (() => wasmEngine(machine));
  const limits = meter.measure();
  const results: KernelResult[] = [];
  const seen = new Set<string>();
  let checked = 0;

  const time = async (
    network: NetworkName,
    layer: string,
    recorder: Recorder,
    inputs: readonly WasmTensor[],
  ) => {
    const program = await CallProgram.create(recorder, inputs);
    program.runAll();
    for (const [at, call] of program.calls.entries()) {
      const { kernel, label, work, bytes } = call;
      const key = keyOf(call);
      if (seen.has(key) || !`${layer} ${kernel}`.includes(filter)) continue;
      seen.add(key);
      const seconds = bestSeconds(() => program.run(at), measureMs);
      const gflops = (work?.flops ?? 0) / seconds / 1e9;
      const gigabytesPerSecond = bytes / seconds / 1e9;
      const result: KernelResult = {
        network,
        layer,
        kernel,
        pass: work?.pass ?? label,
        ms: 1000 * seconds,
        gflops,
        shareOfPeak: gflops === 0 ? 0 : gflops / meter.peakGflops(),
        gigabytesPerSecond,
        shareOfBandwidth: gigabytesPerSecond / limits.memoryGigabytesPerSecond,
      };
      results.push(result);
      options.onResult?.(result);
    }
  };

  for (const network of networks) {
    const graph = NETWORKS[network]();
    for (const { layer, options: layerOptions, inputShapes, inputs: feeds } of graph.nodes) {
      const description = DESCRIPTIONS.find(({ name }) => snakeCase(name) === layer.kind);
      const given = { layer, options: layerOptions, inputs: inputShapes, batch: batchSize, training: true };
      const name = description && nameOf(given);
      if (!name || seen.has(name)) continue;
      seen.add(name);
      const first = feeds.every((index) => graph.nodes[index].layer.kind === "input");
      const { recorder, inputs } = recordLayer(given, !first);
      if (!recorder.instructions.some(({ kernel }) => `${name} ${kernel}`.includes(filter))) continue;
      checkLayer(description, { ...given, batch: CHECKED_IMAGES }, engine());
      checked++;
      await time(network, name, recorder, inputs);
    }
    for (const stepCase of STEP_CASES) {
      const { recorder, inputs } = recordStepCase(stepCase, network, batchSize);
      if (!recorder.instructions.some(({ kernel }) => `${stepCase.name} ${kernel}`.includes(filter)))
        continue;
      stepCase.check(machine);
      checked++;
      await time(network, stepCase.name, recorder, inputs);
    }
  }
  return { batchSize, limits, checked, results };
}

/** `conv2d 32×32×3 filters 64 kernelSize 3,3`: options that tell layers of one kind apart. */
function nameOf({ layer, options, inputs }: LayerCase): string {
  const dull = /Initializer|Regularizer|momentum|epsilon|shape|useBias/;
  const telling = Object.entries(options)
    .filter(([key, value]) => !dull.test(key) && value !== undefined && value !== "linear")
    .map(([key, value]) => `${key} ${value}`);
  return [layer.kind, ...inputs.map((shape) => shape.join("×")), ...telling].join(" ");
}

/** @throws CbapdError naming the tensor and the element that is wrong */
function checkLayer(description: LayerDescription, given: LayerCase, engine: Engine<WasmTensor>): void {
  const values = description.values(given, 1);
  const expected = runLayer(referenceEngine(), given, values);
  const tolerances = description.tolerances(given, values, expected);
  const margin = description.margin?.(given, values) ?? Number.POSITIVE_INFINITY;
  const compared = margin > LEAST_MARGIN ? expected : new Map([["y", expected.get("y")!]]);
  compare(runLayer(engine, given, values), compared, tolerances, () => {});
}

/** @param dX nobody reads that of a network's first layer */
function recordLayer(given: LayerCase, dX: boolean): { recorder: Recorder; inputs: WasmTensor[] } {
  const { layer, options, inputs, batch } = given;
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const xs = inputs.map((shape) => recorder.tensor([batch, ...shape]));
  const parameters = Object.fromEntries(
    Object.entries(specsOf(given)).map(([name, { shape }]) => [name, recorder.tensor(shape)]),
  );
  recorder.label = "forward";
  const { cache } = layer.forward(backend, xs, parameters, options, { training: true, stream: 0 });
  recorder.label = "backward";
  const dY = recorder.tensor([batch, ...outputShape(given)]);
  layer.backward(backend, dY, parameters, cache, options, { dX, inputs });
  return { recorder, inputs: [...xs, ...Object.values(parameters), dY] };
}

function recordStepCase(stepCase: StepCase, network: NetworkName, batchSize: number) {
  const recorder = new Recorder();
  return { recorder, inputs: stepCase.record(recorder, NETWORKS[network](), batchSize) };
}

/** Best seconds of one call. The first calls, untimed, let the engine compile the kernel well. */
function bestSeconds(run: () => void, measureMs: number): number {
  for (let warm = 0; warm < 5; warm++) run();
  const benchmark = new Benchmark("", run, { maxTime: measureMs / 1000, minSamples: LEAST_SAMPLES });
  benchmark.run();
  return Math.min(...benchmark.stats.sample);
}
