/** Loads the core: compiled once, instantiated once in each worker. */
import { compileCore } from "#compile-core";

export { instantiateCore, type Kernels } from "./instance.js";

const cores = new Map<boolean, Promise<WebAssembly.Module>>();

/** @param fast  the one with relaxed SIMD: only where `fastCoreAvailable` */
export function loadCore(fast = false): Promise<WebAssembly.Module> {
  let core = cores.get(fast);
  if (!core) {
    core = compileCore(fast).catch((error) => {
      cores.delete(fast); // a network may come back
      throw error;
    });
    cores.set(fast, core);
  }
  return core;
}
