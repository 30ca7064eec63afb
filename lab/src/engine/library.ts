/** The library as the engine knows it: the only file of the lab that imports it. */
export { shapes } from "../../../src/data/shapes.js";
export { CbapdError } from "../../../src/errors.js";
export { NETWORKS } from "../../../src/models/networks.js";
export { summaryData } from "../../../src/models/summary.js";
