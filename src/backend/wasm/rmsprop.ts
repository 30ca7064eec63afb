/** Records RMSprop: as the other updates, in place, over flat tensors of one size. */
import { byElements, type Decay } from "./optimizer.js";
import { out, own, type Recorder, stepState, type WasmTensor } from "./recorder.js";

export interface RmspropSlots {
  readonly velocity: WasmTensor;
  /** When centered. */
  readonly average: WasmTensor | undefined;
  /** With momentum. */
  readonly moving: WasmTensor | undefined;
}

export function recordRmsprop(
  recorder: Recorder,
  weights: WasmTensor,
  { velocity, average, moving }: RmspropSlots,
  gradients: WasmTensor,
  {
    rho,
    momentum,
    epsilon,
    decays,
  }: Decay & { readonly rho: number; readonly momentum: number; readonly epsilon: number },
): void {
  recorder.record(
    "rmspropUpdate",
    byElements(weights),
    out(weights),
    out(velocity),
    average ? out(average) : 0,
    moving ? out(moving) : 0,
    own(gradients),
    stepState,
    rho,
    moving ? momentum : 0,
    epsilon,
    average ? 1 : 0,
    decays ? 1 : 0,
  );
}
