/** Loads the core: compiled once, instantiated once in each worker. */
import { compileCore } from "#compile-core";

export { instantiateCore, type Kernels } from "./instance.js";

let core: Promise<WebAssembly.Module> | undefined;

export function loadCore(): Promise<WebAssembly.Module> {
  core ??= compileCore().catch((error) => {
    core = undefined; // a network may come back
    throw error;
  });
  return core;
}
