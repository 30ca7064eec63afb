/** Activation functions, and their gradients from the output y. */
import { type NDArray, ndarray } from "./ndarray.js";

function map(x: NDArray, f: (value: number) => number): NDArray {
  return ndarray(x.shape, x.data.map(f));
}

/** dX[i] = dY[i]·f′ with the slope as a function of y. */
function timesSlope(y: NDArray, dY: NDArray, slope: (y: number) => number): NDArray {
  return ndarray(
    y.shape,
    dY.data.map((d, i) => d * slope(y.data[i])),
  );
}

/** max(x, 0). NaN stays NaN. */
export function relu(x: NDArray): NDArray {
  return map(x, (v) => Math.max(v, 0));
}

/** The slope at 0 is 0. */
export function reluGradient(y: NDArray, dY: NDArray): NDArray {
  return ndarray(
    y.shape,
    dY.data.map((d, i) => (y.data[i] > 0 ? d : 0)),
  );
}

/** 1/(1 + e⁻ˣ); as eˣ/(1 + eˣ) for x < 0, where e⁻ˣ might overflow. */
export function sigmoid(x: NDArray): NDArray {
  return map(x, (v) => {
    const z = Math.exp(-Math.abs(v));
    return (v < 0 ? z : 1) / (1 + z);
  });
}

/** dσ/dx = σ·(1 − σ). */
export function sigmoidGradient(y: NDArray, dY: NDArray): NDArray {
  return timesSlope(y, dY, (v) => v * (1 - v));
}

export function tanh(x: NDArray): NDArray {
  return map(x, Math.tanh);
}

/** d tanh/dx = 1 − tanh². */
export function tanhGradient(y: NDArray, dY: NDArray): NDArray {
  return timesSlope(y, dY, (v) => 1 - v * v);
}

/**
 * y_i = e^(x_i − m)/Σ_k e^(x_k − m) over the last axis. Any m gives the same y; m = max x keeps the exponentials in
 * (0, 1], so that none overflows and their sum is at least 1.
 */
export function softmax(x: NDArray): NDArray {
  const classes = x.shape[x.shape.length - 1];
  const y = ndarray(x.shape);
  for (let row = 0; row < x.data.length; row += classes) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, x.data[row + k]);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += y.data[row + k] = Math.exp(x.data[row + k] - largest);
    for (let k = 0; k < classes; k++) y.data[row + k] /= sum;
  }
  return y;
}

/** ∂y_k/∂x_i = y_k·(δ_ik − y_i), so dX_i = Σ_k dY_k·y_k·(δ_ik − y_i) = y_i·(dY_i − Σ_k dY_k·y_k). */
export function softmaxGradient(y: NDArray, dY: NDArray): NDArray {
  const classes = y.shape[y.shape.length - 1];
  const dX = ndarray(y.shape);
  for (let row = 0; row < y.data.length; row += classes) {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += dY.data[row + k] * y.data[row + k];
    for (let i = 0; i < classes; i++) dX.data[row + i] = y.data[row + i] * (dY.data[row + i] - sum);
  }
  return dX;
}
