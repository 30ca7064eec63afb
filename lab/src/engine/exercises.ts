/** See protocol/exercises.ts. Numbers are small and whole, so that a sheet of paper will do; answers are the library's. */
import { randomWords } from "cbapd/internal/random.js";
import {
  adamLearningRate,
  adamUpdate,
  conv2d,
  conv2dGradients,
  maxPooling2d,
  maxPooling2dGradient,
  type NDArray,
  ndarray,
  softmaxCrossEntropy,
} from "cbapd/internal/reference/index.js";
import { adam, layers, sequential, summaryData } from "./library.js";
import type { Exercise, ExercisesCalls, Matrix } from "./protocol/exercises.js";
import type { Handlers } from "./protocol/index.js";

/** The streams of Purpose.Dataset from here on are nobody else's. */
const STREAM = 0x40000000;
const DATASET = 4;

type Draw = (low: number, high: number) => number;

function drawer(seed: number, exercise: number): Draw {
  const words = randomWords(seed, DATASET, STREAM + exercise);
  return (low, high) => low + (words() % (high - low + 1));
}

/** As one image of one channel, or one kernel. */
function drawMatrix(draw: Draw, rows: number, columns: number, low: number, high: number): NDArray {
  return ndarray(
    [1, rows, columns, 1],
    Array.from({ length: rows * columns }, () => draw(low, high)),
  );
}

function matrix({ shape, data }: NDArray): Matrix {
  const [, rows, columns] = shape.length === 4 ? shape : [1, 1, data.length];
  return { rows, columns, values: [...data] };
}

const kernelMatrix = ({ shape, data }: NDArray): Matrix => {
  return { rows: shape[0], columns: shape[1], values: [...data] };
};
const single = (value: number): Matrix => ({ rows: 1, columns: 1, values: [value] });

function outputSize(draw: Draw): Exercise {
  const numbers = {
    size: draw(12, 32),
    channels: draw(1, 4),
    filters: draw(4, 12),
    kernel: draw(1, 3) * 2 + 1,
    strides: draw(1, 3),
    padding: draw(0, 1) === 0 ? "valid" : "same",
  } as const;
  const { size, channels, filters, kernel, strides, padding } = numbers;
  // A dense layer at the end, as a network must have classes.
  const net = sequential([
    layers.conv2d({ filters, kernelSize: kernel, strides, padding, inputShape: [size, size, channels] }),
    layers.globalAveragePooling2d(),
  ]);
  const [, layer] = summaryData(net).layers;
  return {
    name: "outputSize",
    numbers,
    given: {},
    answers: {
      "H × W × C": { rows: 1, columns: 3, values: [...layer.outputShape] },
      parameters: single(layer.parameters),
      MACs: single(layer.macs),
    },
  };
}

function convolution(draw: Draw): Exercise {
  const x = drawMatrix(draw, 4, 4, -3, 3);
  const k = ndarray([3, 3, 1, 1], drawMatrix(draw, 3, 3, -2, 2).data);
  const bias = draw(-2, 2);
  const y = conv2d(x, k, ndarray([1], [bias]));
  return {
    name: "convolution",
    numbers: { bias },
    given: { x: matrix(x), k: kernelMatrix(k) },
    answers: { y: matrix(y) },
  };
}

function convolutionGradients(draw: Draw): Exercise {
  const x = drawMatrix(draw, 3, 3, -2, 2);
  const k = ndarray([2, 2, 1, 1], drawMatrix(draw, 2, 2, -2, 2).data);
  const dY = drawMatrix(draw, 2, 2, -2, 2);
  const { dX, dKernel, dBias } = conv2dGradients(x, k, dY);
  return {
    name: "convolutionGradients",
    numbers: {},
    given: { x: matrix(x), k: kernelMatrix(k), dY: matrix(dY) },
    answers: { dk: kernelMatrix(dKernel), dX: matrix(dX!), db: single(dBias!.data[0]) },
  };
}

function maxPooling(draw: Draw): Exercise {
  const x = drawMatrix(draw, 4, 4, 0, 9);
  const dY = drawMatrix(draw, 2, 2, -4, 4);
  const { y, argMax } = maxPooling2d(x);
  const dX = maxPooling2dGradient(argMax, dY, x.shape);
  return {
    name: "maxPooling",
    numbers: {},
    given: { x: matrix(x), dY: matrix(dY) },
    answers: { y: matrix(y), dX: matrix(dX) },
  };
}

function softmax(draw: Draw): Exercise {
  const z = ndarray([1, 3], [draw(-2, 3), draw(-2, 3), draw(-2, 3)]);
  const label = draw(0, 2);
  const { losses, probabilities, dLogits } = softmaxCrossEntropy(z, ndarray([1], [label]));
  return {
    name: "softmax",
    numbers: { label },
    given: { z: matrix(z) },
    answers: { p: matrix(probabilities), L: single(losses.data[0]), dz: matrix(dLogits) },
  };
}

function adamStep(draw: Draw): Exercise {
  const { beta1, beta2, epsilon } = adam() as Extract<ReturnType<typeof adam>, { name: "adam" }>;
  const learningRate = 0.01;
  const step = draw(1, 3);
  const at = { learningRate, step, beta1, beta2, epsilon };
  const g = draw(1, 9) / 10;
  const [w, m, v] = [draw(-9, 9) / 10, draw(1, 5) / 10, draw(1, 9) / 100];
  const [weights, first, second] = [ndarray([1], [w]), ndarray([1], [m]), ndarray([1], [v])];
  adamUpdate(weights, first, second, ndarray([1], [g]), at);
  return {
    name: "adam",
    numbers: { w, m, v, g, ...at },
    given: {},
    answers: {
      "m′": single(first.data[0]),
      "v′": single(second.data[0]),
      lr_t: single(adamLearningRate(learningRate, step, beta1, beta2)),
      "w′": single(weights.data[0]),
    },
  };
}

function receptiveField(draw: Draw): Exercise {
  const [first, second] = [draw(1, 2) * 2 + 1, draw(1, 2) * 2 + 1];
  const pool = draw(2, 3);
  const net = sequential([
    layers.conv2d({ filters: 1, kernelSize: first, inputShape: [64, 64, 1] }),
    layers.maxPooling2d({ poolSize: pool }),
    layers.conv2d({ filters: 1, kernelSize: second }),
    layers.globalAveragePooling2d(),
  ]);
  const fields = summaryData(net)
    .layers.slice(1, 4)
    .map((layer) => layer.receptiveField![0]);
  return {
    name: "receptiveField",
    numbers: { first, second, pool },
    given: {},
    answers: { r: { rows: 1, columns: 3, values: fields } },
  };
}

const EXERCISES = [
  outputSize,
  convolution,
  maxPooling,
  convolutionGradients,
  softmax,
  adamStep,
  receptiveField,
];

export const exercisesHandlers: Handlers<ExercisesCalls> = {
  exercises: (seed) => EXERCISES.map((make, i) => make(drawer(seed, i))),
};
