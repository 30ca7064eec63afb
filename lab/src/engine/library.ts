/** The library as the engine knows it, built for browsers: the only file of the lab that imports it. */
export { CbapdError, datasets, Model, models, summaryData } from "cbapd";
/** What the library does not offer to everybody comes from `cbapd/internal/…`: any file of src/, by its path. */
export { NETWORKS } from "cbapd/internal/models/networks.js";
