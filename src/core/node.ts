/** The compiled core, in Node: a file of this package, or two: the strict one, and the fast one with relaxed SIMD. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { FileError } from "../errors.js";
import { validatesRelaxedSimd } from "./relaxedSimd.js";

/** @throws FileError */
export async function compileCore(fast: boolean): Promise<WebAssembly.Module> {
  const path = createRequire(import.meta.url).resolve(fast ? "#core-fast" : "#core");
  try {
    return await WebAssembly.compile(await readFile(path));
  } catch (cause) {
    throw new FileError(
      `the core ${path} cannot be loaded: ${(cause as Error).message}. Run "npm run build".`,
      {
        cause,
      },
    );
  }
}

/** Whether the fast core can run here. Node 20 has what it needs, but must be told. */
export function fastCoreAvailable(): boolean {
  if (validatesRelaxedSimd()) return true;
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  return validatesRelaxedSimd();
}
