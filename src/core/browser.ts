/**
 * The compiled core, in a page. It lies beside this file; written like this, bundlers find it and take it along. Those that do
 * not (esbuild) leave the URL alone: then it must lie beside the bundle.
 */
import { FileError } from "../errors.js";
import type * as Node from "./node.js";
import { validatesRelaxedSimd } from "./relaxedSimd.js";

export const compileCore: typeof Node.compileCore = async (fast) => {
  const url = fast ? new URL("./fast.wasm", import.meta.url) : new URL("./release.wasm", import.meta.url);
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    // Not compileStreaming: servers that do not know the type application/wasm are many.
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    throw new FileError(`the core ${url} cannot be loaded: ${(cause as Error).message}.`, { cause });
  }
};

export const fastCoreAvailable: typeof Node.fastCoreAvailable = validatesRelaxedSimd;
