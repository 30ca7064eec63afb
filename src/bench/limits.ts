/**
 * What one core can do at best, measured here and now: machines are shared, so a share of the peak says something only when
 * both were measured in the same moment.
 */
import { instantiateCore, loadCore } from "../backend/wasm/loader.js";
import { CbapdError } from "../errors.js";

const PAGE_BYTES = 65536;
/** Far beyond any cache, and well within a core's own. */
const MEMORY_FLOATS = 1 << 23;
const CACHE_FLOATS = 1 << 15;
const ARITHMETIC_COUNT = 1e6;
const FLOPS_PER_COUNT = 96;
const TRIAD_BYTES = 12;
const FACTOR = 1e-9;

export interface Limits {
  /** Multiply and add in registers, 128-bit SIMD. */
  readonly peakGflops: number;
  /** Triad over 100 MB. */
  readonly memoryGigabytesPerSecond: number;
  /** Triad over 400 kB. */
  readonly cacheGigabytesPerSecond: number;
}

let opened: Promise<LimitMeter> | undefined;

export class LimitMeter {
  readonly #kernels: ReturnType<typeof instantiateCore>;
  readonly #memory: WebAssembly.Memory;

  private constructor(kernels: ReturnType<typeof instantiateCore>, memory: WebAssembly.Memory) {
    this.#kernels = kernels;
    this.#memory = memory;
  }

  /** One for the whole process: its memory is large. @throws CbapdError when the probes do not compute what they should */
  static open(): Promise<LimitMeter> {
    opened ??= LimitMeter.#open();
    return opened;
  }

  static async #open(): Promise<LimitMeter> {
    const bytes = 3 * MEMORY_FLOATS * Float32Array.BYTES_PER_ELEMENT + PAGE_BYTES;
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const meter = new LimitMeter(instantiateCore(await loadCore(), memory), memory);
    // The first calls, short ones, let the engine compile the loops well; a long one would stay slow to its end.
    for (let warm = 0; warm < 200; warm++) {
      meter.#kernels.probeArithmetic(1000, FACTOR);
      meter.#triad(1024);
    }
    meter.#check();
    return meter;
  }

  measure(): Limits {
    return {
      peakGflops: this.peakGflops(),
      memoryGigabytesPerSecond: this.#bandwidth(MEMORY_FLOATS, 1, 8),
      cacheGigabytesPerSecond: this.#bandwidth(CACHE_FLOATS, 200, 10),
    };
  }

  /** A hundredth of a second. */
  peakGflops(): number {
    const ms = best(8, () => this.#kernels.probeArithmetic(ARITHMETIC_COUNT, FACTOR));
    return (ARITHMETIC_COUNT * FLOPS_PER_COUNT) / ms / 1e6;
  }

  #bandwidth(floats: number, times: number, runs: number): number {
    this.#triad(floats); // touches the memory for the first time
    const ms = best(runs, () => {
      for (let i = 0; i < times; i++) this.#triad(floats);
    });
    return (times * floats * TRIAD_BYTES) / ms / 1e6;
  }

  #triad(floats: number): void {
    const bytes = floats * Float32Array.BYTES_PER_ELEMENT;
    this.#kernels.probeTriad(PAGE_BYTES, PAGE_BYTES + bytes, PAGE_BYTES + 2 * bytes, FACTOR, floats);
  }

  #check(): void {
    const [a, b, c] = [0, 1, 2].map((i) => new Float32Array(this.#memory.buffer, PAGE_BYTES + 64 * i, 16));
    b.fill(3);
    c.fill(5);
    this.#kernels.probeTriad(a.byteOffset, b.byteOffset, c.byteOffset, 2, 16);
    const sum = this.#kernels.probeArithmetic(3, 1); // doubles each of 0 … 11 three times
    if (!a.every((value) => value === 13) || sum !== 8 * 66) {
      throw new CbapdError(`the probes must give 13 and 528; they give ${a[0]} and ${sum}.`);
    }
  }
}

function best(runs: number, run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    run();
    least = Math.min(least, performance.now() - started);
  }
  return least;
}
