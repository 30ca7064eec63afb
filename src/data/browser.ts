/** The datasets of a page: drawn by code, or made of what the page has fetched. */
export { checkLabels, classCounts, limit } from "./checks.js";
export type { Dataset, DatasetPair } from "./dataset.js";
export { SHAPES_COUNTS, type ShapesOptions, shapes } from "./shapes.js";
export { type SplitOptions, splitStratified } from "./split.js";
