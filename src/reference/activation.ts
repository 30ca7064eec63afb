/** Activation functions, and their gradients in terms of the output y. */
import { type NDArray, ndarray } from "./ndarray.js";

/** y = max(x, 0). */
export const relu = (x: NDArray): NDArray => map(x, (value) => Math.max(value, 0));
/** dX = y > 0 ? dY : 0. The slope at 0 is 0. */
export const reluGradient = (y: NDArray, dY: NDArray): NDArray =>
  map(y, (value, i) => (value > 0 ? dY.data[i] : 0));

/** y = 1/(1 + e⁻ˣ); below 0 as eˣ/(1 + eˣ), so that the exponential never overflows. */
export const sigmoid = (x: NDArray): NDArray =>
  map(x, (value) => (value < 0 ? Math.exp(value) / (1 + Math.exp(value)) : 1 / (1 + Math.exp(-value))));
/** dX = dY·y·(1 − y). */
export const sigmoidGradient = (y: NDArray, dY: NDArray): NDArray =>
  map(y, (value, i) => dY.data[i] * value * (1 - value));

export const tanh = (x: NDArray): NDArray => map(x, Math.tanh);
/** dX = dY·(1 − y²). */
export const tanhGradient = (y: NDArray, dY: NDArray): NDArray =>
  map(y, (value, i) => dY.data[i] * (1 - value * value));

/** y_k = e^{x_k − max x}/Σ_j e^{x_j − max x} over the last axis: the shift changes nothing but avoids overflow. */
export function softmax(x: NDArray): NDArray {
  const y = ndarray(x.shape);
  eachRow(x, (begin, end) => {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = begin; i < end; i++) largest = Math.max(largest, x.data[i]);
    let sum = 0;
    for (let i = begin; i < end; i++) sum += Math.exp(x.data[i] - largest);
    for (let i = begin; i < end; i++) y.data[i] = Math.exp(x.data[i] - largest) / sum;
  });
  return y;
}

/** ∂y_j/∂x_k = y_j·(δ_jk − y_k), hence dX_k = y_k·(dY_k − Σ_j dY_j·y_j). */
export function softmaxGradient(y: NDArray, dY: NDArray): NDArray {
  const dX = ndarray(y.shape);
  eachRow(y, (begin, end) => {
    let dot = 0;
    for (let i = begin; i < end; i++) dot += dY.data[i] * y.data[i];
    for (let i = begin; i < end; i++) dX.data[i] = y.data[i] * (dY.data[i] - dot);
  });
  return dX;
}

function map(x: NDArray, f: (value: number, i: number) => number): NDArray {
  return { shape: x.shape, data: x.data.map((value, i) => f(value, i)) };
}

function eachRow(x: NDArray, visit: (begin: number, end: number) => void): void {
  const size = x.shape[x.shape.length - 1];
  for (let begin = 0; begin < x.data.length; begin += size) visit(begin, begin + size);
}
