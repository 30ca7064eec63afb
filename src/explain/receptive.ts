/** What a unit sees of the picture: its box, how boxes grow from layer to layer, and how much each pixel in it counts. */
import { mustBe, OptionError } from "../errors.js";
import type { BatchNormalizationOptions } from "../layers/batchNormalization.js";
import * as layers from "../layers/index.js";
import { buildSequential } from "../models/build.js";
import type { Graph, GraphNode } from "../models/graph.js";
import { backwardGraph, forwardGraph, INPUT } from "../models/run.js";
import { receptiveFields, summaryData } from "../models/summary.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sizeOf, type Window2D, windowAxis } from "../shape.js";
import { wasmEngine } from "../verify/engine.js";
import type { Machine } from "../verify/machine.js";
import { placeOf } from "./cells.js";
import type { Stage } from "./stages.js";
import { staged, stagesOf } from "./stages.js";

/** Rows [top, bottom) and columns [left, right). */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export interface ReceptiveBox {
  /** As far as the windows reach, padding included. */
  readonly reached: Box;
  /** The pixels of the input that really go into the unit. */
  readonly seen: Box;
}

/** How far units of a stage see: a line of the table of growth. */
export interface Growth {
  readonly stage: number;
  readonly name: string;
  readonly kind: string;
  readonly shape: Shape;
  readonly window?: Window2D;
  /** Height and width in pixels; undefined where every unit sees everything. */
  readonly size: readonly [number, number] | undefined;
  /** How far apart neighbours' fields lie. */
  readonly jump: readonly [number, number] | undefined;
}

/** The stages of a network, for those who need no step. */
export function networkStages(graph: Graph): Stage[] {
  return stagesOf(staged(graph));
}

/** size += (kernel − 1)·jump; jump *= stride: stage by stage. */
export function fieldGrowth(graph: Graph): Growth[] {
  const plan = staged(graph);
  const fields = receptiveFields(plan.graph);
  return stagesOf(plan).map(({ index, name, kind, shape, window }) => {
    const { size, jump } = fields[index];
    const all = !Number.isFinite(size[0]);
    return {
      stage: index,
      name,
      kind,
      shape,
      window,
      size: all ? undefined : size,
      jump: all ? undefined : jump,
    };
  });
}

/**
 * The box of a stage's unit at (row, column) in every stage before it, by index; the input's is at 0. Where branches meet, it is the
 * smallest box that holds all of theirs; undefined where the unit does not depend on a stage.
 */
export function receptiveBoxes(
  stages: readonly Stage[],
  stage: number,
  index: number,
): (ReceptiveBox | undefined)[] {
  const boxes: (ReceptiveBox | undefined)[] = [];
  /** Of vectors: the one element that is meant, where it is one. */
  const elements: (number | undefined)[] = [];
  const { shape } = stages[stage];
  boxes[stage] = shape.length === 3 ? unitAt(shape, index) : everything(shape);
  elements[stage] = index;
  for (let at = stage; at > 0; at--) {
    const box = boxes[at];
    if (!box) continue;
    for (const input of stages[at].inputs) {
      const through = boxThrough(stages[at], stages[input], box, elements[at]);
      const held = boxes[input];
      const element = isElementwise(stages[at]) ? elements[at] : undefined;
      elements[input] = held && elements[input] !== element ? undefined : element;
      boxes[input] = held
        ? { reached: union(held.reached, through.reached), seen: union(held.seen, through.seen) }
        : through;
    }
  }
  return Array.from({ length: stage + 1 }, (_, at) => boxes[at]);
}

function unitAt(shape: Shape, index: number): ReceptiveBox {
  const { row, column } = placeOf(shape, index);
  const own = { top: row, left: column, bottom: row + 1, right: column + 1 };
  return { reached: own, seen: own };
}

function everything(shape: Shape): ReceptiveBox {
  const [height, width] = shape.length === 3 ? shape : [1, 1];
  const whole = { top: 0, left: 0, bottom: height, right: width };
  return { reached: whole, seen: whole };
}

/** Each output depends on the input of the same index alone; in a batch normalisation, but for the statistics. */
function isElementwise({ kind, activation }: Stage): boolean {
  if (kind === "activation") return activation !== "softmax";
  return kind === "dropout" || kind === "add" || kind === "batch_normalization";
}

/** What of its input a stage's box depends on. */
function boxThrough(
  stage: Stage,
  source: Stage,
  box: ReceptiveBox,
  element: number | undefined,
): ReceptiveBox {
  const { window } = stage;
  if (!window) {
    if (stage.kind === "flatten" && element !== undefined && source.shape.length === 3) {
      return unitAt(source.shape, element);
    }
    const same = stage.shape.length === 3 && source.shape.length === 3;
    return same ? box : everything(source.shape);
  }
  const [height, width] = source.shape;
  const rows = windowAxis(height, window.kernel[0], window.strides[0], window.padding);
  const columns = windowAxis(width, window.kernel[1], window.strides[1], window.padding);
  const through = ({ top, left, bottom, right }: Box): Box => ({
    top: top * window.strides[0] - rows.before,
    left: left * window.strides[1] - columns.before,
    bottom: (bottom - 1) * window.strides[0] - rows.before + window.kernel[0],
    right: (right - 1) * window.strides[1] - columns.before + window.kernel[1],
  });
  const seen = through(box.seen);
  return {
    reached: through(box.reached),
    seen: {
      top: Math.max(0, seen.top),
      left: Math.max(0, seen.left),
      bottom: Math.min(height, seen.bottom),
      right: Math.min(width, seen.right),
    },
  };
}

function union(a: Box, b: Box): Box {
  return {
    top: Math.min(a.top, b.top),
    left: Math.min(a.left, b.left),
    bottom: Math.max(a.bottom, b.bottom),
    right: Math.max(a.right, b.right),
  };
}

/** How much each pixel counts for a unit: |∂unit/∂pixel|, summed over channels, mean over the images. */
export interface EffectiveField {
  /** [H, W] of the input, row-major. */
  readonly magnitudes: Float64Array;
  readonly height: number;
  readonly width: number;
  readonly largest: number;
  /** Pixels that count at least half as much as the one that counts most. */
  readonly halfPixels: number;
  /** Pixels that count at all. */
  readonly pixels: number;
}

/**
 * The gradient of one unit with respect to the input, through the network as in inference: no dropout, moving statistics. On the wasm kernels.
 * @param x [N, H, W, C]
 * @throws OptionError for a unit that is not there, or an input that is no picture
 */
export function effectiveField(
  machine: Machine,
  given: {
    readonly graph: Graph;
    readonly weights: ReadonlyMap<string, NDArray>;
    readonly x: NDArray;
    readonly stage: number;
    readonly index: number;
  },
): EffectiveField {
  const plan = staged(given.graph);
  const nodes = plan.graph.nodes.slice(0, given.stage + 1).map(inInference);
  const node = nodes[given.stage];
  const count = node && sizeOf(node.outputShape);
  if (!count || !(given.index >= 0 && given.index < count)) {
    throw new OptionError(
      mustBe("effectiveField", "unit", "be one of the network", [given.stage, given.index]),
    );
  }
  const [batch, height, width, channels] = given.x.shape;
  if (given.x.shape.length !== 4) {
    throw new OptionError(mustBe("effectiveField", "x", "have the shape [N, H, W, C]", given.x.shape));
  }
  const graph: Graph = { ...plan.graph, nodes, output: given.stage };
  const dX = given.stage === 0 ? oneHot(given, count) : throughNetwork(machine, graph, given, count);
  const magnitudes = new Float64Array(height * width);
  dX.data.forEach((value, i) => {
    magnitudes[Math.floor(i / channels) % (height * width)] += Math.abs(value) / batch;
  });
  const largest = magnitudes.reduce((max, value) => Math.max(max, value), 0);
  const atLeast = (least: number) =>
    magnitudes.reduce((n, value) => n + (value > 0 && value >= least ? 1 : 0), 0);
  return { magnitudes, height, width, largest, halfPixels: atLeast(largest / 2), pixels: atLeast(0) };
}

function oneHot({ x, index }: { readonly x: NDArray; readonly index: number }, count: number): NDArray {
  const dY = ndarray([x.shape[0], count]);
  for (let n = 0; n < x.shape[0]; n++) dY.data[n * count + index] = 1;
  return dY;
}

function throughNetwork(
  machine: Machine,
  graph: Graph,
  given: { readonly weights: ReadonlyMap<string, NDArray>; readonly x: NDArray; readonly index: number },
  count: number,
): NDArray {
  const engine = wasmEngine(machine);
  const names = new Set(
    graph.nodes.flatMap(({ name, specs }) => (Object.keys(specs).length > 0 ? [name] : [])),
  );
  const needed = [...given.weights].filter(([name]) => names.has(name.slice(0, name.lastIndexOf("/"))));
  const weights = new Map(needed.map(([name, value]) => [name, engine.put(value)]));
  const { y, caches } = forwardGraph(engine.backend, graph, engine.put(given.x), weights, {
    training: false,
  });
  const dY = engine.put(ndarray(y.shape, oneHot(given, count).data));
  const gradients = backwardGraph(engine.backend, graph, dY, weights, caches, { inputGradient: true });
  const dX = gradients.get(INPUT)!;
  engine.run([dX]);
  return engine.read(dX);
}

/** Backward of what forward does outside of training: the moving statistics are constants. */
function inInference(node: GraphNode): GraphNode {
  if (node.layer.kind !== "batch_normalization") return node;
  const options: BatchNormalizationOptions = {
    ...(node.options as BatchNormalizationOptions),
    statistics: "moving",
  };
  return { ...node, options };
}

/** Convolutions one after another, and what they cost: for two 3×3 against one 5×5. */
export interface StackCost {
  readonly kernels: readonly number[];
  readonly receptiveField: number;
  readonly parameters: number;
  /** Of one image. */
  readonly macs: number;
}

/** Square kernels, stride 1, padding "same", as many filters as channels. @throws OptionError, ShapeError */
export function stackCost(kernels: readonly number[], channels: number, side: number): StackCost {
  const graph = buildSequential("stack", [
    ...kernels.map((kernelSize, i) =>
      layers.conv2d({
        filters: channels,
        kernelSize,
        padding: "same",
        inputShape: i === 0 ? [side, side, channels] : undefined,
      }),
    ),
    layers.globalAveragePooling2d(),
  ]);
  const summary = summaryData(graph);
  return {
    kernels,
    receptiveField: summary.layers[kernels.length].receptiveField![0],
    parameters: summary.totalParameters,
    macs: summary.macs,
  };
}
