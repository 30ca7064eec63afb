/**
 * Runs recorded programs on the calling thread as any number of workers would, under watch: guard words around every
 * buffer, memory full of NaN before each program, and workers that run one after another up to each barrier, the last
 * first. So a kernel that writes beside its buffer, adds to what it should overwrite, or needs a barrier that is not there
 * gives an error or a wrong number every time, where threads would give one now and then.
 */
import { placeBarriers } from "../backend/wasm/barriers.js";
import { addressOf, isOperand } from "../backend/wasm/buffers.js";
import { instantiateCore, type Kernels, loadCore } from "../backend/wasm/loader.js";
import { alignUp, planMemory } from "../backend/wasm/plan.js";
import { arrange, rangeOf } from "../backend/wasm/program.js";
import type { Argument, Buffer, Instruction, Recorder, WasmTensor } from "../backend/wasm/recorder.js";
import {
  STATE_BYTES,
  STATE_DECAY,
  STATE_FIRST,
  STATE_LEARNING_RATE,
  STATE_MIXTURE,
  STATE_SEED,
  STATE_STEP,
} from "../backend/wasm/state.js";
import { CbapdError } from "../errors.js";

const PAGE_BYTES = 65536;
const FIRST_ADDRESS = 1024;
const GUARD_BYTES = 64;
const GUARD = 0x5ca1ab1e;
/** A float32 NaN, and no index that any kernel could use. */
const POISON = 0xff;

export interface RunOptions {
  readonly workers?: number; // 1
  readonly seed?: number; // 0
  /** Steps done before this one. */
  readonly step?: number; // 0
  readonly learningRate?: number; // 0
  /** Learning rate·weight decay. */
  readonly decay?: number; // 0
  /** Mixup's λ. */
  readonly mixture?: number; // 1
  /** The batch's first position in the epoch's order. */
  readonly first?: number; // 0
  /** "guarded": every buffer alone, between guard words. "planned": memory shared out as in training. */
  readonly placement?: "guarded" | "planned"; // "guarded"
  /** Whether neighbours are fused, wherever they can be, and results lie on inputs. */
  readonly fused?: boolean; // false
}

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array;

const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

export class Machine {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: Kernels;
  #top = FIRST_ADDRESS;
  readonly #guards: number[] = [];

  private constructor(module: WebAssembly.Module) {
    this.#memory = new WebAssembly.Memory({ initial: 64, maximum: PAGE_BYTES, shared: true });
    this.#kernels = instantiateCore(module, this.#memory);
  }

  /** One machine serves many programs, one after another. @param fast with the fast core, which must be available */
  static async open(fast = false): Promise<Machine> {
    return new Machine(await loadCore(fast));
  }

  /**
   * @param inputs   what lies in memory before the program runs
   * @param results  what is wanted of it afterwards; read it before the next run
   * @throws CbapdError when a kernel wrote beside its buffer
   */
  run(
    recorder: Recorder,
    inputs: ReadonlyMap<WasmTensor, Values>,
    results: Iterable<WasmTensor>,
    options: RunOptions = {},
  ): void {
    const { workers = 1, placement = "guarded", fused = false } = options;
    this.#top = FIRST_ADDRESS;
    this.#guards.length = 0;
    for (const { buffer } of [...inputs.keys(), ...results]) buffer.address ??= this.#allocate(buffer.bytes);
    const { instructions } = arrange(recorder.instructions, { unfused: !fused, everywhere: true });
    if (placement === "guarded") {
      for (const { buffer } of instructions.flatMap(({ args }) => args.filter(isOperand))) {
        buffer.address ??= this.#allocate(buffer.bytes);
      }
    }
    const arena = alignUp(this.#top);
    const end = planMemory(instructions, arena);
    this.#reserve(end);
    new Uint8Array(this.#memory.buffer, arena, end - arena).fill(POISON);
    this.#top = alignUp(end);
    for (const [{ buffer }, values] of inputs) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      new Uint8Array(this.#memory.buffer, addressOf(buffer), bytes.length).set(bytes);
    }
    this.#execute(instructions, workers, options);
    this.#checkGuards();
    this.#checkInputs(recorder, inputs);
  }

  /** A copy of a tensor that was among the inputs or results of the last run. */
  read({ shape, dataType, buffer }: WasmTensor): Values {
    const count = shape.reduce((product, size) => product * size, 1);
    const Type = ARRAYS[dataType];
    return new Type(this.#memory.buffer, addressOf(buffer), count).slice();
  }

  /** Up to each barrier one worker after another, the last one first. */
  #execute(instructions: readonly Instruction[], workers: number, options: RunOptions): void {
    const meets = placeBarriers(instructions);
    const states = Array.from({ length: workers }, () => this.#writeState(options));
    const scratchTop = this.#top;
    for (let begin = 0; begin < instructions.length; ) {
      let end = begin + 1;
      while (end < instructions.length && !meets[end]) end++;
      for (let worker = workers - 1; worker >= 0; worker--) {
        for (const { kernel, args, split } of instructions.slice(begin, end)) {
          const range = rangeOf(split, worker, workers);
          if (!range) continue;
          this.#top = scratchTop;
          const guards = this.#guards.length;
          const values = args.map((argument) => this.#value(argument, states[worker]));
          const call = this.#kernels[kernel];
          if (call.length !== values.length + 2) {
            throw new CbapdError(
              `${kernel} takes ${call.length} arguments; got ${values.length} and a range.`,
            );
          }
          call(...values, ...range);
          this.#checkGuards(guards);
          this.#guards.length = guards;
        }
      }
      begin = end;
    }
  }

  #value(argument: Argument, state: number): number {
    if (typeof argument === "number") return argument;
    if ("buffer" in argument) return addressOf(argument.buffer);
    return "stepState" in argument ? state : this.#allocate(argument.scratchBytes);
  }

  #writeState(options: RunOptions): number {
    const { seed = 0, step = 0, learningRate = 0, decay = 0, mixture = 1, first = 0 } = options;
    const address = this.#allocate(STATE_BYTES);
    const view = new DataView(this.#memory.buffer, address, STATE_BYTES);
    view.setUint32(STATE_SEED, seed, true);
    view.setUint32(STATE_STEP, step, true);
    view.setFloat32(STATE_LEARNING_RATE, learningRate, true);
    view.setFloat32(STATE_DECAY, decay, true);
    view.setFloat32(STATE_MIXTURE, mixture, true);
    view.setInt32(STATE_FIRST, first, true);
    return address;
  }

  /** Cache-line aligned, poisoned, with a guard on either side; the one behind starts at the very next byte. */
  #allocate(bytes: number): number {
    const address = alignUp(this.#top + GUARD_BYTES);
    const end = address + bytes + GUARD_BYTES;
    this.#reserve(end);
    new Uint8Array(this.#memory.buffer, address, bytes).fill(POISON);
    this.#guard(address - GUARD_BYTES);
    this.#guard(address + bytes);
    this.#top = end;
    return address;
  }

  #reserve(end: number): void {
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  #guard(address: number): void {
    const view = new DataView(this.#memory.buffer, address, GUARD_BYTES);
    for (let at = 0; at < GUARD_BYTES; at += 4) view.setUint32(at, GUARD, true);
    this.#guards.push(address);
  }

  /** What no instruction says that it writes is as it was. */
  #checkInputs(recorder: Recorder, inputs: ReadonlyMap<WasmTensor, Values>): void {
    const written = new Set(
      recorder.instructions.flatMap(({ args }) =>
        args
          .filter(isOperand)
          .filter(({ writes }) => writes)
          .map(bufferOf),
      ),
    );
    for (const [tensor, values] of inputs) {
      if (written.has(tensor.buffer)) continue;
      const now = this.read(tensor);
      if (!values.every((value, i) => Object.is(value, now[i]))) {
        throw new CbapdError(
          `a kernel changed an input of shape [${tensor.shape}] that it was to read only.`,
        );
      }
    }
  }

  #checkGuards(from = 0): void {
    for (const address of this.#guards.slice(from)) {
      const view = new DataView(this.#memory.buffer, address, GUARD_BYTES);
      for (let at = 0; at < GUARD_BYTES; at += 4) {
        if (view.getUint32(at, true) !== GUARD) {
          throw new CbapdError(`a kernel wrote beside its buffer, ${at} bytes into the guard at ${address}.`);
        }
      }
    }
  }
}

const bufferOf = ({ buffer }: { readonly buffer: Buffer }) => buffer;
