/**
 * A backend that gives numbers back. The reference computes at once; wasm records first, and `run` computes all of it. So
 * whatever is to be compared is written once, over `Engine<T>`, and run on both.
 */
import type { Backend, Tensor } from "../backend/backend.js";
import { referenceBackend } from "../backend/reference.js";
import { wasmBackend } from "../backend/wasm/backend.js";
import { recordAdam } from "../backend/wasm/optimizer.js";
import { Recorder, type WasmTensor } from "../backend/wasm/recorder.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type AdamStep, adamLearningRate, adamUpdate } from "../reference/optimizer.js";
import type { Machine, RunOptions, Values } from "./machine.js";

export interface Engine<T extends Tensor> {
  readonly backend: Backend<T>;
  /** An input. wasm rounds its values to float32, or takes them as int32: class indices. */
  put(array: NDArray, dataType?: "float32" | "int32"): T;
  /** In place on weights, m and v. One learning rate a run. */
  adam(weights: T, m: T, v: T, gradients: T, at: AdamStep): void;
  /** Computes what was asked for so far; only `results` and what was `put` can be read afterwards. */
  run(results: Iterable<T>): void;
  read(tensor: T): NDArray;
}

/** Dropout's counter. */
export interface StepOptions {
  readonly seed?: number; // 0
  readonly step?: number; // 0
}

/** @param backend for a reference with a mistake planted in it */
export function referenceEngine(
  { seed = 0, step = 0 }: StepOptions = {},
  backend = referenceBackend({ seed, step }),
  update: typeof adamUpdate = adamUpdate,
): Engine<NDArray> {
  return {
    backend,
    put: ({ shape, data }) => ndarray(shape, data),
    adam: update,
    run() {},
    read: (tensor) => tensor,
  };
}

/** One program: made anew for each case, over a machine that serves all. */
export function wasmEngine(machine: Machine, options: RunOptions = {}): Engine<WasmTensor> {
  const recorder = new Recorder();
  const inputs = new Map<WasmTensor, Values>();
  let learningRate = 0;
  return {
    backend: wasmBackend(recorder),
    put({ shape, data }, dataType = "float32") {
      const tensor = recorder.tensor(shape, dataType);
      inputs.set(tensor, dataType === "float32" ? Float32Array.from(data) : Int32Array.from(data));
      return tensor;
    },
    adam(weights, m, v, gradients, at) {
      learningRate = adamLearningRate(at.learningRate, at.step, at.beta1, at.beta2);
      recordAdam(recorder, weights, m, v, gradients, at);
    },
    run(results) {
      machine.run(recorder, inputs, results, { ...options, learningRate });
    },
    read: (tensor) => ndarray(tensor.shape, machine.read(tensor)),
  };
}
