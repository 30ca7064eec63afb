/** A fused program gives the bits of the program as recorded: on random networks, and on the six. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wasmBackend } from "../src/backend/wasm/backend.js";
import { isOperand } from "../src/backend/wasm/buffers.js";
import { fuse } from "../src/backend/wasm/fuse.js";
import { inPlace } from "../src/backend/wasm/inPlace.js";
import {
  all,
  byImages,
  type Instruction,
  out,
  own,
  Recorder,
  type WasmTensor,
} from "../src/backend/wasm/recorder.js";
import { foldNormalization } from "../src/models/fold.js";
import { weightSpecs } from "../src/models/graph.js";
import { NETWORK_NAMES } from "../src/models/networks.js";
import { poolFirst } from "../src/models/poolFirst.js";
import { backwardGraph, forwardGraph } from "../src/models/run.js";
import { sizeOf } from "../src/shape.js";
import { wasmEngine } from "../src/verify/engine.js";
import { Machine } from "../src/verify/machine.js";
import { runNetwork } from "../src/verify/network.js";
import { networkCase } from "../src/verify/networks.js";
import { randomValues } from "./support/arrays.js";
import { CASES, SEED } from "./support/cases.js";
import { type RandomNetwork, randomNetworks } from "./support/randomNetworks.js";
import { type Recording, runRecorded } from "./support/recorded.js";

/** Forward and backward, with random weights; results are the output, all gradients, and the weights after. */
function recordTraining({ graph, batch, seed }: RandomNetwork, { recorder, put }: Recording) {
  const random = (shape: readonly number[], salt: number) =>
    put(shape, randomValues(sizeOf(shape), seed + salt));
  const weights = new Map(
    weightSpecs(graph).map(({ name, shape, trainable }, i) => {
      const values = randomValues(sizeOf(shape), seed + i);
      // Variances are positive; some gammas and betas are both 0, so that relu meets its kink.
      if (!trainable)
        return [
          name,
          put(
            shape,
            values.map((value) => Math.abs(value) + 0.1),
          ),
        ];
      const halves = name.endsWith("gamma") || name.endsWith("beta");
      return [name, put(shape, halves ? values.map((value) => Math.round(value * 2) / 2) : values)];
    }),
  );
  const backend = wasmBackend(recorder);
  const x = random([batch, ...graph.nodes[0].outputShape], 100);
  const { y, caches } = forwardGraph(backend, graph, x, weights, { training: true });
  const dY = random(y.shape, 101);
  const gradients = backwardGraph(backend, graph, dY, weights, caches, { inputGradient: true });
  return [y, ...gradients.values(), ...weights.values()];
}

/** The network as predict runs it: normalisation folded, pooling first. */
function recordInference({ graph, batch, seed }: RandomNetwork, { recorder, put }: Recording) {
  const weights = new Map(
    weightSpecs(graph).map(({ name, shape, trainable }, i) => {
      const values = randomValues(sizeOf(shape), seed + i);
      return [name, put(shape, trainable ? values : values.map((value) => Math.abs(value) + 0.1))];
    }),
  );
  const backend = wasmBackend(recorder);
  const shape = [batch, ...graph.nodes[0].outputShape];
  const x = put(shape, randomValues(sizeOf(shape), seed + 100));
  const folded = foldNormalization(backend, poolFirst(graph), weights);
  return forwardGraph(backend, folded.graph, x, folded.weights, { training: false }).y;
}

const seen = new Set<string>();

describe("a fused program", () => {
  it("gives the bits of the one as recorded, on random networks, guarded and planned, for 1 and 3 workers", () => {
    const property = fc.property(randomNetworks, (network) => {
      const run = (fused: boolean, workers: number, placement: "guarded" | "planned") =>
        runRecorded(
          workers,
          (recording) => {
            const results = recordTraining(network, recording);
            const fused = fuse(recording.recorder.instructions, { everywhere: true });
            for (const { kernel } of fused) seen.add(kernel);
            return results;
          },
          { fused, placement },
        );
      const plain = run(false, 1, "guarded");
      for (const placement of ["guarded", "planned"] as const) {
        const fused = run(true, 3, placement);
        fused.forEach((values, i) => {
          expect(Buffer.compare(bytesOf(values), bytesOf(plain[i])), `result ${i}, ${placement}`).toBe(0);
        });
      }
    });
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it("had every fused kernel in it", () => {
    const fused = [
      "addReluBackward",
      "addReluForward",
      "batchNormalizationReluBackward",
      "normalizeAddForward",
      "normalizeAddReluForward",
      "normalizeReluForward",
      "normalizeReluForwardIntoBand",
      "normalizeReluGradientsInImages",
      "reluBackwardOfBands",
      "reluForwardIntoBand",
    ];
    expect(fused.filter((kernel) => !seen.has(kernel))).toEqual([]);
  });

  it("gives the bits of inference as recorded, on random networks, for 1 and 3 workers", () => {
    const property = fc.property(randomNetworks, (network) => {
      const run = (fused: boolean, workers: number) =>
        runRecorded(workers, (recording) => [recordInference(network, recording)], {
          fused,
          placement: "planned",
        });
      const [plain] = run(false, 1);
      for (const workers of [1, 3]) {
        const [fused] = run(true, workers);
        expect(Buffer.compare(bytesOf(fused), bytesOf(plain))).toBe(0);
      }
    });
    fc.assert(property, { numRuns: CASES, seed: SEED });
  });

  it.each(NETWORK_NAMES)("%s: three steps of training, to the bit", async (name) => {
    const machine = await Machine.open();
    const { given } = networkCase(name, 0);
    const run = (fused: boolean) =>
      runNetwork((at) => wasmEngine(machine, { ...at, fused, placement: "planned", workers: 2 }), {
        ...given,
        steps: 3,
      });
    const plain = run(false);
    const fused = run(true);
    expect([...fused.keys()]).toEqual([...plain.keys()]);
    for (const [result, { data }] of fused) {
      expect(Buffer.compare(bytesOf(data), bytesOf(plain.get(result)!.data)), result).toBe(0);
    }
  });
});

describe("what must stay", () => {
  const kernels = (instructions: readonly { kernel: string }[]) => instructions.map(({ kernel }) => kernel);

  it("a result that is read again, or has an address", () => {
    for (const keep of ["read again", "address"] as const) {
      const recorder = new Recorder();
      const [a, b, sum, y, z] = Array.from({ length: 5 }, () => recorder.tensor([2, 8]));
      if (keep === "address") sum.buffer.address = 4096;
      recorder.record("addForward", byImages(2), out(sum), own(a), own(b), 8);
      recorder.record("reluForward", byImages(2), out(y), own(sum), 8);
      if (keep === "read again") recorder.record("tanhForward", byImages(2), out(z), own(sum), 8);
      expect(fuse(recorder.instructions)).toEqual(recorder.instructions);
    }
  });

  it("an instruction whose inputs change before its result is read", () => {
    const recorder = new Recorder();
    const [a, b, sum, y] = Array.from({ length: 4 }, () => recorder.tensor([2, 8]));
    recorder.record("addForward", byImages(2), out(sum), own(a), own(b), 8);
    recorder.record("tanhForward", byImages(2), out(a), own(b), 8);
    recorder.record("reluForward", byImages(2), out(y), own(sum), 8);
    expect(kernels(fuse(recorder.instructions))).toEqual(["addForward", "tanhForward", "reluForward"]);
  });

  it("an input that is read later, has an address, or is read by everybody", () => {
    for (const keep of ["nothing", "read later", "address", "everybody"] as const) {
      const recorder = new Recorder();
      const [x, y, z] = Array.from({ length: 3 }, () => recorder.tensor([2, 8]));
      if (keep === "address") x.buffer.address = 4096;
      const read = keep === "everybody" ? all(x) : own(x);
      recorder.record("reluForward", byImages(2), out(y), read, 8);
      recorder.record("tanhForward", byImages(2), out(z), own(keep === "read later" ? x : y), 8);
      const buffers = new Set(
        inPlace(recorder.instructions)[0].args.flatMap((argument) =>
          typeof argument === "object" && "buffer" in argument ? [argument.buffer] : [],
        ),
      );
      expect(buffers.size, keep).toBe(keep === "nothing" ? 1 : 2);
    }
  });
});

describe("concatenations without copies", () => {
  /** y = relu(x) and z = relu(w) side by side in Y; of its gradient dY the first band back to x. */
  function record(change: (recorder: Recorder, tensors: Record<string, WasmTensor>) => void, when: string) {
    const recorder = new Recorder();
    const narrow = () => recorder.tensor([2, 3, 4]);
    const wide = () => recorder.tensor([2, 3, 8]);
    const tensors = {
      x: narrow(),
      w: narrow(),
      y: narrow(),
      z: narrow(),
      Y: wide(),
      dY: wide(),
      dy: narrow(),
      dx: narrow(),
    };
    const { x, w, y, z, Y, dY, dy, dx } = tensors;
    const at = (place: string) => {
      if (place === when) change(recorder, tensors);
    };
    at("first");
    recorder.record("reluForward", byImages(2), out(y), own(x), 12);
    at("before joining");
    recorder.record("reluForward", byImages(2), out(z), own(w), 12);
    recorder.record("copyChannels", byImages(2), out(Y), own(y), 0, 8, 0, 4, 4, 3);
    recorder.record("copyChannels", byImages(2), out(Y), own(z), 4, 8, 0, 4, 4, 3);
    at("joined");
    recorder.record("copyChannels", byImages(2), out(dy), own(dY), 0, 4, 0, 8, 4, 3);
    at("apart");
    recorder.record("reluBackward", byImages(2), out(dx), own(y), own(dy), 12);
    at("last");
    return recorder.instructions;
  }
  const kernels = (instructions: readonly Instruction[]) => instructions.map(({ kernel }) => kernel);
  const forward = (instructions: readonly Instruction[]) => {
    const [first] = fuse(instructions).filter(({ args }) => args.includes(0) && args.includes(8));
    return first.kernel === "reluForwardIntoBand";
  };
  const backward = (instructions: readonly Instruction[]) => {
    const gate = fuse(instructions).find(({ kernel }) => kernel.startsWith("reluBackward"))!;
    return gate.kernel === "reluBackwardOfBands" && gate.args[6] === 8;
  };

  it("read and write bands, say so, and count the bands' bytes", () => {
    const fused = fuse(record(() => {}, ""));
    expect(kernels(fused)).toEqual(["reluForwardIntoBand", "reluForwardIntoBand", "reluBackwardOfBands"]);
    const operands = fused.map(({ args }) => args.filter(isOperand));
    expect(operands.map((mine) => mine.map(({ writes }) => writes))).toEqual([
      [true, false],
      [true, false],
      [true, false, false],
    ]);
    expect(
      operands.map((mine) => mine.map(({ buffer, touchedBytes }) => touchedBytes ?? buffer.bytes)),
    ).toEqual([
      [96, 96],
      [96, 96],
      [96, 96, 96],
    ]);
  });

  it("stay where relu's result is read elsewhere, has an address, or its input changes", () => {
    const read = record(
      (recorder, { y, w }) => recorder.record("tanhForward", byImages(2), out(w), own(y), 12),
      "last",
    );
    expect([forward(read), backward(read)]).toEqual([false, true]);
    const fixed = record((_, { y }) => {
      y.buffer.address = 4096;
    }, "first");
    expect([forward(fixed), backward(fixed)]).toEqual([false, true]);
    const changed = record(
      (recorder, { x, w }) => recorder.record("tanhForward", byImages(2), out(x), own(w), 12),
      "before joining",
    );
    expect([forward(changed), backward(changed)]).toEqual([false, true]);
  });

  it("stay where the band is written again before backward reads it", () => {
    const overlapping = record(
      (recorder, { Y, w }) => recorder.record("copyChannels", byImages(2), out(Y), own(w), 3, 8, 0, 4, 4, 3),
      "joined",
    );
    expect(forward(overlapping)).toBe(false);
    const all = record(
      (recorder, { Y, dY }) => recorder.record("tanhForward", byImages(2), out(Y), own(dY), 24),
      "joined",
    );
    expect(forward(all)).toBe(false);
  });

  it("stay where the band's gradient is read elsewhere or kept, or its relu's result is in use already", () => {
    const read = record(
      (recorder, { dy, w }) => recorder.record("tanhForward", byImages(2), out(w), own(dy), 12),
      "last",
    );
    expect([forward(read), backward(read)]).toEqual([true, false]);
    const kept = record((_, { dy }) => {
      dy.buffer.address = 4096;
    }, "first");
    expect(backward(kept)).toBe(false);
    const used = record(
      (recorder, { dx, w }) => recorder.record("tanhForward", byImages(2), out(dx), own(w), 12),
      "joined",
    );
    expect(backward(used)).toBe(false);
    const later = record(
      (recorder, { Y, z }) => recorder.record("copyChannels", byImages(2), out(Y), own(z), 4, 8, 0, 4, 4, 3),
      "apart",
    );
    expect([forward(later), backward(later)]).toEqual([true, false]);
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
