/**
 * Records what a model does with its tensors as a flat program of kernel calls, which every worker then runs on its own
 * range. Nothing is computed here, and no memory is touched: buffers get their addresses from the memory plan
 * (`plan.ts`), when the whole program is known.
 *
 * An instruction is split in one of three ways:
 *   images  each worker takes a range of the batch;
 *   rows    each worker takes a range of rows (or panels, channels, elements) of a result;
 *   once    worker 0 does it alone.
 * Every kernel's last two arguments are `begin, end`, its range. No sum crosses a split: each element of a result is
 * computed by one worker, in an order that does not depend on the number of workers.
 *
 * Each operand says whether the kernel stays within its own range of it (`own`) or may touch all of it (`all`).
 * From this `barriers.ts` derives where workers must meet.
 */

import { type Shape, sizeOf } from "../../shape.js";
import type { Tensor } from "../backend.js";

export type DataType = "float32" | "float64" | "int32" | "uint8";

export const BYTES_PER_ELEMENT: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
};

/** A piece of planned memory. Several tensors may view one buffer (reshape). */
export interface Buffer {
  readonly id: number;
  readonly bytes: number;
  /** Set for memory that outlives the program: parameters, gradients, inputs. Others get theirs from the plan. */
  address: number | undefined;
}

export interface WasmTensor extends Tensor {
  readonly dataType: DataType;
  readonly buffer: Buffer;
}

export type Split =
  | { readonly by: "images"; readonly count: number }
  /** `count` rows, dealt out in whole multiples of `unit`. */
  | { readonly by: "rows"; readonly count: number; readonly unit: number }
  | { readonly by: "once" };

export interface Operand {
  readonly buffer: Buffer;
  readonly shape: Shape;
  readonly dataType: DataType;
  readonly writes: boolean;
  /** `own`: only the worker's range of the split; `all`: anything. */
  readonly reach: "own" | "all";
  /** How much of the buffer all workers together touch, where that is not all of it; for profiles. */
  readonly touchedBytes?: number;
}

/** Scratch memory of the worker's own, handed to the kernel as an address. */
export interface Scratch {
  readonly scratchBytes: number;
}

/** The worker's own step state (`state.ts`), handed to the kernel as an address: what changes from step to step. */
export const stepState = { stepState: true } as const;

export type Argument = number | Operand | Scratch | typeof stepState;

export interface Instruction {
  /** Name of an export of the core. */
  readonly kernel: string;
  /** In the kernel's order; `begin, end` are appended by the worker. */
  readonly args: readonly Argument[];
  readonly split: Split;
  /** For profiles and messages: `conv2d_1 backward`. */
  readonly label: string;
  /** Set for the parts of a product: see work.ts. */
  readonly work?: Work;
}

/** The gradient or result that an instruction helps to compute. */
export type Pass = "forward" | "dX" | "dKernel" | "dBias";

export interface Work {
  readonly pass: Pass;
  /** Operations of the pass, a multiply-add counts 2, as the direct form needs them; 0 but for the instruction with the result. */
  readonly flops: number;
}

/** Operand constructors, so that a recording reads like the kernel's signature. */
export const own = (tensor: WasmTensor): Operand => ({ ...tensor, writes: false, reach: "own" });
export const all = (tensor: WasmTensor): Operand => ({ ...tensor, writes: false, reach: "all" });
export const out = (tensor: WasmTensor): Operand => ({ ...tensor, writes: true, reach: "own" });
/** For results of which a worker's part is no contiguous range, such as columns; the parts are disjoint all the same. */
export const outAll = (tensor: WasmTensor): Operand => ({ ...tensor, writes: true, reach: "all" });
export const scratch = (scratchBytes: number): Scratch => ({ scratchBytes });

export const byImages = (count: number): Split => ({ by: "images", count });
export const byRows = (count: number, unit = 1): Split => ({ by: "rows", count, unit });
export const once: Split = { by: "once" };

export class Recorder {
  /** Convolutions by direct sums alone: no Winograd. */
  readonly exact: boolean;
  readonly buffers: Buffer[] = [];
  readonly instructions: Instruction[] = [];
  /** What the instructions recorded next are labelled with. */
  label = "";

  constructor({ exact = false }: { readonly exact?: boolean } = {}) {
    this.exact = exact;
  }

  /** A new tensor in memory that the plan will choose, or at a fixed address. */
  tensor(shape: Shape, dataType: DataType = "float32", address?: number): WasmTensor {
    const buffer: Buffer = {
      id: this.buffers.length,
      bytes: sizeOf(shape) * BYTES_PER_ELEMENT[dataType],
      address,
    };
    this.buffers.push(buffer);
    return { shape, dataType, buffer };
  }

  /** The same buffer seen with another shape. */
  view(tensor: WasmTensor, shape: Shape): WasmTensor {
    return { ...tensor, shape };
  }

  record(kernel: string, split: Split, ...args: Argument[]): void {
    this.instructions.push({ kernel, args, split, label: this.label });
  }
}
