/** Runs single kernels of the core on arrays, with guard words around every buffer. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const GUARD_WORDS = 16;
const GUARD = 0x5ca1ab1e;

type Values = Float32Array | Int32Array | Uint8Array;
type Kernel = (...args: number[]) => number | undefined;

export class Core {
  readonly memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true });
  readonly exports: Record<string, Kernel>;
  #top = 1024;
  readonly #guards: number[] = [];

  /** @param build "release" is what users run; "debug" has the assertions. */
  constructor(build: "release" | "debug" = "release") {
    const path = require.resolve(build === "release" ? "#core" : "#core-debug");
    const module = new WebAssembly.Module(readFileSync(path));
    const abort = (_message: number, _file: number, line: number, column: number) => {
      throw new Error(`assertion in the core at ${line}:${column}`);
    };
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory, abort } });
    this.exports = instance.exports as Record<string, Kernel>;
  }

  /** Address of `bytes` bytes, 16-byte aligned, between guard words, filled with a pattern that is no number. */
  allocate(bytes: number): number {
    const guardBytes = GUARD_WORDS * 4;
    const address = this.#top + guardBytes;
    const end = address + Math.ceil(bytes / 16) * 16 + guardBytes;
    if (end > this.memory.buffer.byteLength) {
      this.memory.grow(Math.ceil((end - this.memory.buffer.byteLength) / 65536));
    }
    new Uint8Array(this.memory.buffer, this.#top, end - this.#top).fill(0xff); // float32 NaN
    this.#guard(this.#top);
    // The guard behind starts at the very next byte, so that one element too many is seen.
    const view = new DataView(this.memory.buffer);
    for (let i = 0; i < GUARD_WORDS - 4; i++) view.setUint32(address + bytes + i * 4, GUARD, true);
    this.#guards.push(address + bytes);
    this.#top = end;
    return address;
  }

  #guard(address: number): void {
    const view = new DataView(this.memory.buffer);
    for (let i = 0; i < GUARD_WORDS; i++) view.setUint32(address + i * 4, GUARD, true);
    this.#guards.push(address);
  }

  /** Copies values in and returns their address. */
  put(values: Values): number {
    const address = this.allocate(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
    return address;
  }

  putFloats(values: ArrayLike<number>): number {
    return this.put(Float32Array.from(values));
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(new Float32Array(this.memory.buffer, address, count));
  }

  ints(address: number, count: number): Int32Array {
    return new Int32Array(new Int32Array(this.memory.buffer, address, count));
  }

  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(new Uint8Array(this.memory.buffer, address, count));
  }

  /** Throws when any kernel wrote outside a buffer. */
  checkGuards(): void {
    const view = new DataView(this.memory.buffer);
    for (const address of this.#guards) {
      for (let i = 0; i < GUARD_WORDS - 4; i++) {
        if (view.getUint32(address + i * 4, true) !== GUARD) {
          throw new Error(`a kernel wrote outside its buffer, at byte ${i * 4} of the guard at ${address}`);
        }
      }
    }
  }

  /** Forgets all buffers, so that one instance serves many cases. */
  reset(): void {
    this.#top = 1024;
    this.#guards.length = 0;
  }
}
