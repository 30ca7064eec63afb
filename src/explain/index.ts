/**
 * Backprop with its real numbers: what each number of a training step is made of, forward and backward. Public as `cbapd/explain`; the lab
 * shows what is computed here.
 */
export type { Graph } from "../models/graph.js";
export { type NDArray, ndarray } from "../reference/ndarray.js";
export type { Window2D } from "../shape.js";
export { Machine } from "../verify/machine.js";
export { type BackwardCell, type BackwardTerm, backwardCell, consumersOf, type Path } from "./backward.js";
export { type Batch, trainingBatch } from "./batch.js";
export { type Cell, indexAt, placeOf, tapsOf, windowsOver } from "./cells.js";
export { type Form, type ForwardCell, type ForwardTerm, forwardCell, type WeightPlace } from "./forward.js";
export {
  type CheckCase,
  type CheckedTensor,
  type CurveOptions,
  type CurvePoint,
  checkCase,
  checkedTensors,
  checkNetwork,
  type ErrorCurve,
  errorCurve,
  plantable,
  relativeError,
} from "./gradientCheck.js";
export { keptBy } from "./masks.js";
export {
  type NormalizationMaps,
  type NormalizationNumbers,
  normalizationMaps,
} from "./normalization.js";
export {
  type Box,
  type EffectiveField,
  effectiveField,
  fieldGrowth,
  type Growth,
  networkStages,
  type ReceptiveBox,
  receptiveBoxes,
  type StackCost,
  stackCost,
} from "./receptive.js";
export type { Stage } from "./stages.js";
export {
  type ExplainedStep,
  explainStep,
  type StepCase,
  type StepState,
  startState,
  trainedState,
} from "./step.js";
export { type AdamUpdate, type WeightCell, type WeightTerm, weightCell } from "./weights.js";
export { type AxisNumbers, axisNumbers, type Im2col, im2col, poolingRoutes, type Routes } from "./windows.js";
