/** The core's exports. */

export * from "./activation";
export * from "./add";
export * from "./augment";
export * from "./average";
export * from "./averagePooling2d";
export * from "./bands";
export * from "./barrier";
export {
  batchNormalizationBackward,
  momentsInImages,
  momentsOverImages,
  normalizeBackward,
  normalizeForward,
  normalizeGradientsInImages,
  updateMoving,
} from "./batchNormalization";
export * from "./clip";
export * from "./concatenate";
export * from "./conv2d";
export * from "./conv2dInputGradients";
export * from "./crossEntropy";
export * from "./dense";
export * from "./dropout";
export * from "./elementwise";
export * from "./fewFilters";
export * from "./fewFiltersTiles";
export { firstNonFinite, watchMagnitudes } from "./finite";
export * from "./foldNormalization";
export * from "./fused";
export { gatherByteLabels, gatherBytes, gatherFloats, gatherIntLabels, scatterRows } from "./gather";
export * from "./indirect";
export * from "./insideTaps";
export * from "./leakyReLU";
export * from "./matmul";
export * from "./maxPooling2d";
export { poolRun } from "./maxPoolRuns";
export { maxPoolValues, poolValuesRun } from "./maxPoolValues";
export { accumulateMetrics } from "./metrics";
export * from "./mix";
export * from "./offsets";
export * from "./optimizer";
export * from "./probe";
export * from "./rmsprop";
export * from "./sums";
export { tile1, tile2, tile3, tile4, tile5 } from "./tile";
export * from "./winograd";
export * from "./winogradInputGradient";
export * from "./winogradInputGradientTransforms";
export * from "./winogradMap";
export * from "./winogradRows";
export { transformRows } from "./winogradRowsInput";
export * from "./winogradRowsKernel";
export * from "./winogradRowsPanels";
export * from "./winogradRowsPanelsTiles";
export * from "./winogradRowsTiles";
export * from "./winogradRowsTransforms";
export * from "./winogradStride2";
export * from "./winogradStride2Inputs";
export * from "./winogradTransforms";
export * from "./winogradTransforms5";
export * from "./winogradTransforms8";
