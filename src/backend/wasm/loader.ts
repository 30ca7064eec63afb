/** Loads the core: compiled once, instantiated once in each worker. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { FileError } from "../../errors.js";

let core: Promise<WebAssembly.Module> | undefined;

export function loadCore(): Promise<WebAssembly.Module> {
  core ??= compileCore();
  return core;
}

async function compileCore(): Promise<WebAssembly.Module> {
  const path = createRequire(import.meta.url).resolve("#core");
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

export type Kernels = Readonly<Record<string, (...args: number[]) => number>>;

/** One worker's instance of the core over the shared memory. */
export function instantiateCore(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const abort = (_message: number, _file: number, line: number, column: number) => {
    throw new Error(`assertion in the core at ${line}:${column}`);
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
  return instance.exports as unknown as Kernels;
}
