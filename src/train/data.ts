/** From what the user hands to fit, evaluate or predict to what a session takes; everything is checked here. */
import { type Dataset, imagesOf } from "../data/dataset.js";
import { DataError, mustBe, OptionError, ShapeError, show } from "../errors.js";
import type { Graph } from "../models/graph.js";
import { sameShape, sizeOf } from "../shape.js";
import type { SessionData } from "./session.js";
import type { ArrayData, FitData, LossName } from "./types.js";

/** @throws ShapeError, DataError */
export function sessionData(where: string, graph: Graph, data: FitData, loss: LossName): SessionData {
  const classes = sizeOf(graph.nodes[graph.output].outputShape);
  if (isDataset(data)) {
    checkImageShape(where, graph, data);
    checkIndices(where, data.labels, classes);
    const { count, scale, labels } = data;
    return checkCount(where, { count, images: imagesOf(data), scale, labels });
  }
  const { images, count, scale } = inputs(where, graph, data);
  const y = Array.from(data.y);
  const dense = loss === "categoricalCrossentropy";
  const expected = dense ? count * classes : count;
  if (y.length !== expected) {
    const rule = `have ${expected} values for ${count} examples${dense ? ` and ${classes} classes` : ""}`;
    throw new ShapeError(mustBe(where, "y", rule, y.length));
  }
  if (!dense) checkIndices(where, y, classes);
  else if (!y.every((value) => value >= 0 && Number.isFinite(value))) {
    throw new DataError(`${where}: y must hold probabilities, finite and ≥ 0.`);
  }
  return checkCount(where, {
    count,
    images,
    scale,
    labels: dense ? Float32Array.from(y) : Int32Array.from(y),
  });
}

/** Examples without labels, for prediction. @throws ShapeError */
export function inputData(graph: Graph, data: Dataset | Omit<ArrayData, "y">): SessionData {
  const labels = new Uint8Array(0);
  if (isDataset(data)) {
    checkImageShape("predict", graph, data);
    const { count, scale } = data;
    return checkCount("predict", { count, images: imagesOf(data), scale, labels });
  }
  return checkCount("predict", { ...inputs("predict", graph, data), labels });
}

/** The last part of the data becomes validation data, as in Keras. @throws OptionError */
export function split(graph: Graph, data: SessionData, share: number): [SessionData, SessionData] {
  if (!(share > 0 && share < 1)) {
    throw new OptionError(mustBe("fit", "validationSplit", "lie in (0, 1)", share));
  }
  const first = Math.floor(data.count * (1 - share));
  if (first === 0 || first === data.count) {
    throw new OptionError(`fit: validationSplit ${share} of ${data.count} examples leaves one part empty.`);
  }
  return [slice(graph, data, 0, first), slice(graph, data, first, data.count)];
}

function slice(graph: Graph, data: SessionData, begin: number, end: number): SessionData {
  const size = sizeOf(graph.nodes[0].outputShape);
  const width = data.labels.length / data.count;
  return {
    count: end - begin,
    images: data.images.subarray(begin * size, end * size),
    scale: data.scale,
    labels: data.labels.subarray(begin * width, end * width),
  };
}

function isDataset(data: object): data is Dataset {
  return "imageShape" in data;
}

function inputs(where: string, graph: Graph, { x, scale }: Omit<ArrayData, "y">) {
  const example = graph.nodes[0].outputShape;
  const count = x.length / sizeOf(example);
  if (!Number.isInteger(count)) {
    throw new ShapeError(
      `${where}: x must hold whole examples of shape ${show(example)}, ${sizeOf(example)} values each; got ${x.length} values.`,
    );
  }
  return { images: x, count, scale: scale ?? (x instanceof Uint8Array ? 1 / 255 : 1) };
}

function checkImageShape(where: string, graph: Graph, data: Dataset): void {
  const input = graph.nodes[0].outputShape;
  if (!sameShape(data.imageShape, input)) {
    throw new ShapeError(
      `${where}: ${data.name} has images of shape ${show(data.imageShape)}; ${graph.name} takes ${show(input)}.`,
    );
  }
}

function checkIndices(where: string, labels: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new DataError(
        `${where}: labels must be integers in [0, ${classes}), the network's classes; got ${label} at index ${i}.`,
      );
    }
  }
}

function checkCount(where: string, data: SessionData): SessionData {
  if (data.count === 0) throw new DataError(`${where}: the data must have at least one example; got none.`);
  return data;
}
