/** Records weight updates: in place, over flat tensors of one size, split by elements. */
import { sizeOf } from "../../shape.js";
import { all, byRows, out, own, type Recorder, type Split, stepState, type WasmTensor } from "./recorder.js";

/** Elements are dealt out in cache lines, so that no two workers write one line. */
const UNIT = 16;

/** Any instruction over all elements of a tensor, one by one. */
export function byElements(tensor: WasmTensor): Split {
  return byRows(sizeOf(tensor.shape), UNIT);
}

/** Looks for numbers that are not finite in moving statistics, which no update looks at. */
export function recordWatch(recorder: Recorder, values: WasmTensor): void {
  recorder.record("watchMagnitudes", byElements(values), stepState, all(values));
}

/** w −= decay·w before the update, with the step state's decay. */
export interface Decay {
  readonly decays?: boolean; // false
}

/** The learning rate is read from the step state, with Adam's bias correction in it. */
export function recordAdam(
  recorder: Recorder,
  weights: WasmTensor,
  m: WasmTensor,
  v: WasmTensor,
  gradients: WasmTensor,
  {
    beta1,
    beta2,
    epsilon,
    decays,
  }: Decay & { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
): void {
  recorder.record(
    "adamUpdate",
    byElements(weights),
    out(weights),
    out(m),
    out(v),
    own(gradients),
    stepState,
    beta1,
    beta2,
    epsilon,
    decays ? 1 : 0,
  );
}

/** Velocity may be missing when momentum is 0. */
export function recordSgd(
  recorder: Recorder,
  weights: WasmTensor,
  velocity: WasmTensor | undefined,
  gradients: WasmTensor,
  { momentum, nesterov, decays }: Decay & { readonly momentum: number; readonly nesterov: boolean },
): void {
  recorder.record(
    "sgdUpdate",
    byElements(weights),
    out(weights),
    velocity ? out(velocity) : 0,
    own(gradients),
    stepState,
    velocity ? momentum : 0,
    nesterov ? 1 : 0,
    decays ? 1 : 0,
  );
}
