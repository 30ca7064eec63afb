/** A session over made-up data, for timing: what a step costs does not depend on the pictures. */
import { fastCoreAvailable } from "#compile-core";
import { CbapdError } from "../errors.js";
import { initialWeights } from "../models/initializers.js";
import { NETWORKS, type NetworkName } from "../models/networks.js";
import { permutation } from "../random.js";
import { sizeOf } from "../shape.js";
import { openSession } from "../train/openSession.js";
import { adam } from "../train/optimizers.js";
import type { Session, SessionData, SessionOptions } from "../train/session.js";

export type Mode = "training" | "inference";

export interface StepSettings {
  readonly network: NetworkName;
  readonly workers: number;
  readonly batchSize: number;
  readonly mode: Mode;
  /** With the fast core: relaxed SIMD. */
  readonly fast?: boolean; // false
}

export interface StepSession {
  /** Runs `steps` steps in one stretch, at most `most` of them. @returns milliseconds a step */
  run(steps: number): Promise<number>;
  readonly most: number;
  readonly session: Session;
  close(): Promise<void>;
}

/** A stretch takes at least this long, where there are steps enough: a dispatch costs a part of a millisecond. */
const STRETCH_MS = 100;

/** Of how many steps the next stretch should be, at most `most`. */
export function stretchOf(stepMs: number, most: number): number {
  return Math.max(1, Math.min(most, Math.ceil(STRETCH_MS / stepMs)));
}

/** Images of the made-up data: enough for some steps, few enough to weigh nothing in the memory's figure. */
const IMAGES = 1024;

/** With Adam, the network's loss, shuffled data: everything that `fit` does in a step. @throws CbapdError without relaxed SIMD, where it is asked for */
export async function openStepSession(
  { network, workers, batchSize, mode, fast = false }: StepSettings,
  watch?: SessionOptions["watch"],
): Promise<StepSession> {
  if (fast && !fastCoreAvailable()) {
    throw new CbapdError("fast: there is no relaxed SIMD here. Leave it out, or take Node 20 or later.");
  }
  const graph = NETWORKS[network]();
  const most = Math.max(1, Math.floor(IMAGES / batchSize));
  const data = madeUpData(most * batchSize, sizeOf(graph.nodes[0].outputShape));
  const optimizer = adam();
  const training = mode === "training";
  const session = await openSession({
    graph,
    loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
    optimizer: training ? optimizer : undefined,
    batchSize,
    workers,
    fast,
    seed: 0,
    training: training ? data : undefined,
    evaluation: training ? undefined : data,
    watch,
  });
  session.writeWeights(initialWeights(graph, 0));
  if (training) session.setOrder(permutation(data.count, 0, 0));
  let step = 0;
  return {
    most,
    session,
    async run(steps) {
      const started = performance.now();
      if (training) {
        const totals = { loss: 0, correct: 0, topK: 0, samples: 0 };
        const { learningRate } = optimizer;
        await session.train({ from: 0, to: Math.min(steps, most), step, learningRate, totals });
        step += Math.min(steps, most);
        return (performance.now() - started) / Math.min(steps, most);
      }
      await session.evaluate();
      return (performance.now() - started) / most;
    },
    close: () => session.close(),
  };
}

/** Bytes and labels that look random and are always the same. */
export function madeUpData(count: number, size: number): SessionData & { readonly images: Uint8Array } {
  const images = new Uint8Array(count * size);
  let state = 1;
  for (let i = 0; i < images.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    images[i] = state >>> 24;
  }
  return { count, images, scale: 1 / 255, labels: Uint8Array.from({ length: count }, (_, i) => i % 10) };
}
