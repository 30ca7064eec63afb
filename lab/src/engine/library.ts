/**
 * The library as the engine knows it, built for browsers: the only file of the lab that imports it. What the library does not
 * offer to everybody comes from `cbapd/internal/…`: any file of src/, by its path.
 */
export * from "cbapd";
export * from "cbapd/internal/explain/index.js";
export { permutation } from "cbapd/internal/random.js";
