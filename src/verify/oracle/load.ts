/** tfjs, if it is installed: a foreign oracle, not a dependency. */
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import type * as TfjsModule from "@tensorflow/tfjs";

export { useBackend } from "./useBackend.js";

export type Tfjs = typeof TfjsModule;
export type OracleBackend = "wasm" | "cpu";

let loaded: Promise<Tfjs | undefined> | undefined;

/** Both of its backends started; undefined when `@tensorflow/tfjs` and `@tensorflow/tfjs-backend-wasm` are not installed. */
export function loadTfjs(): Promise<Tfjs | undefined> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Tfjs | undefined> {
  const require = createRequire(import.meta.url);
  let wasmMain: string;
  try {
    require.resolve("@tensorflow/tfjs");
    wasmMain = require.resolve("@tensorflow/tfjs-backend-wasm");
  } catch {
    return undefined;
  }
  const tf = await import("@tensorflow/tfjs");
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(wasmMain) + sep);
  for (const backend of ["cpu", "wasm"] as const) {
    await tf.setBackend(backend);
    await tf.ready();
    firstUse(tf);
  }
  return tf;
}

/** The cpu backend advertises the native addon on the console when it is first used. */
function firstUse(tf: Tfjs): void {
  const { warn } = console;
  console.warn = () => {};
  try {
    tf.tensor1d([0]).dispose();
  } finally {
    console.warn = warn;
  }
}
