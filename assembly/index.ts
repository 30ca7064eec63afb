/** The core's exports. */

export * from "./activation";
export * from "./add";
export * from "./augment";
export * from "./average";
export * from "./averagePooling2d";
export * from "./barrier";
export * from "./batchNormalization";
export * from "./clip";
export * from "./concatenate";
export * from "./conv2d";
export * from "./crossEntropy";
export * from "./dense";
export * from "./dropout";
export * from "./fewFilters";
export { gatherByteLabels, gatherBytes, gatherFloats, gatherIntLabels, scatterRows } from "./gather";
export * from "./insideTaps";
export * from "./matmul";
export * from "./maxPooling2d";
export * from "./metrics";
export * from "./mix";
export * from "./optimizer";
export * from "./rmsprop";
export * from "./sums";
export { tile1, tile2, tile3, tile4, tile5 } from "./tile";
export * from "./winograd";
export * from "./winogradMap";
