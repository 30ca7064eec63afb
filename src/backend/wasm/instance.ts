/** The core at work: one instance in each thread, over the shared memory. */
export type Kernels = Readonly<Record<string, (...args: number[]) => number>>;

/** One worker's instance of the core over the shared memory. */
export function instantiateCore(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const abort = (_message: number, _file: number, line: number, column: number) => {
    throw new Error(`assertion in the core at ${line}:${column}`);
  };
  const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
  return instance.exports as unknown as Kernels;
}
