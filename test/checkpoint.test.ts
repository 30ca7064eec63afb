/** A checkpoint gives back what went into it, or is refused with a reason; it is never misread. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { FileError } from "../src/errors.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { earlyStopping, reduceLROnPlateau } from "../src/train/callbacks.js";
import { loadTrainingState, saveTrainingState, weightsSha256 } from "../src/train/checkpoint.js";
import { Model } from "../src/train/model.js";
import { adam } from "../src/train/optimizers.js";
import type { FitOptions, TrainingState } from "../src/train/types.js";
import { temporaryFolder } from "./support/temporary.js";

const VERSION_1 = join(import.meta.dirname, "fixtures/checkpoint-v1.safetensors");
const graph = NETWORKS.lenet5({ width: 0.1 });
const weights = initialWeights(graph, 1);

function stateWith(given: Partial<TrainingState>): TrainingState {
  const slots = new Map<string, Float32Array>();
  for (const slot of ["adam/m", "adam/v"]) {
    for (const [name, values] of weights)
      slots.set(
        `${slot}/${name}`,
        values.map((value) => value / 2),
      );
  }
  return {
    formatVersion: 2,
    seed: 1,
    batchSize: 8,
    epoch: 0,
    stepInEpoch: 3,
    step: 3,
    learningRate: 0.001,
    totals: [1, 2, 3, 4],
    history: { epochs: [], validationEpochs: [], logs: {} },
    stopped: false,
    callbacks: {},
    optimizer: adam(),
    weights,
    slots,
    ...given,
  };
}

/** Changes the header's training state, or the header itself. */
function edit(path: string, change: (training: Record<string, unknown>) => void, rename?: [string, string]) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const training = JSON.parse(header.__metadata__.training);
  change(training);
  header.__metadata__.training = JSON.stringify(training);
  let text = JSON.stringify(header);
  if (rename) text = text.replaceAll(`"${rename[0]}"`, `"${rename[1]}"`);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  writeFileSync(path, Buffer.concat([size, Buffer.from(text), bytes.subarray(8 + length)]));
}

/**
 * The file of version 1 with a state's numbers in it. Its own came from kernels that rounded otherwise, and an uninterrupted
 * run of today does not pass through them.
 */
function version1({ weights, slots, stopped: _, ...head }: TrainingState): string {
  const path = join(temporaryFolder(), "version-1.safetensors");
  writeFileSync(path, readFileSync(VERSION_1));
  const early = head.callbacks.earlyStopping as { weights: Map<string, Float32Array> };
  const lists = Array.from(early.weights, ([name, values]) => [name, Array.from(values)]);
  const callbacks = { ...head.callbacks, earlyStopping: { ...early, weights: lists } };
  const now = { ...head, formatVersion: 1, callbacks };
  edit(path, (training) => {
    expect(withoutNumbers(now)).toEqual(withoutNumbers(training));
    Object.assign(training, now);
  });
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString());
  expect(Object.keys(tensors)).toEqual([...weights.keys(), ...slots.keys()]);
  for (const [name, values] of [...weights, ...slots]) {
    const [begin, end] = tensors[name].data_offsets;
    expect(values.byteLength).toBe(end - begin);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 8 + length + begin);
  }
  writeFileSync(path, bytes);
  return path;
}

function withoutNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, held) => (typeof held === "number" ? 0 : held)));
}

async function saved(given: Partial<TrainingState> = {}): Promise<string> {
  const path = join(temporaryFolder(), "checkpoint.safetensors");
  await saveTrainingState(path, graph, stateWith(given));
  return path;
}

describe("what goes in comes out", () => {
  it("numbers that JSON does not have, callbacks' arrays and maps, and the order of the weights", async () => {
    const state = stateWith({
      totals: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
      learningRate: 0.1 + 0.2,
      stopped: true,
      history: {
        epochs: [0, 1],
        validationEpochs: [1],
        logs: { loss: [Number.NaN, 1 / 3], val_loss: [Number.POSITIVE_INFINITY] },
      },
      callbacks: {
        "a name/with ../anything \u2603": {
          best: Number.NEGATIVE_INFINITY,
          none: null,
          list: [1, [-0, "text"], true],
          kept: new Map([["conv2d/kernel", Float32Array.of(1, Number.NaN, -0)]]),
        },
        empty: {},
      },
    });
    const path = join(temporaryFolder(), "checkpoint.safetensors");
    await saveTrainingState(path, graph, state);
    const read = (await loadTrainingState(path)).state;
    expect(read).toEqual(state);
    expect(weightsSha256(read.weights)).toBe(weightsSha256(state.weights));
    expect([...read.slots.keys()]).toEqual([...state.slots.keys()]);
  });

  it("a history of 100,000 epochs, and the header stays small", async () => {
    const epochs = Array.from({ length: 100_000 }, (_, epoch) => epoch);
    const history = {
      epochs,
      validationEpochs: epochs,
      logs: { loss: epochs.map((epoch) => 1 / (epoch + 3)) },
    };
    const path = await saved({ history });
    expect((await loadTrainingState(path)).state.history).toEqual(history);
    expect(Number(readFileSync(path).readBigUInt64LE(0))).toBeLessThan(16_384);
    expect(statSync(path).size).toBeGreaterThan(3 * 8 * 100_000);
  });

  it.each([
    [
      { mine: new Date(0) },
      "state.callbacks.mine: a callback's state must be JSON, Maps and Float32Arrays; got Date.",
    ],
    [{ mine: { $map: 1 } }, 'state.callbacks.mine: a callback\'s state must have no key "$map".'],
  ])("what could not come out does not go in: %j", async (callbacks, message) => {
    await expect(saved({ callbacks })).rejects.toThrow(message);
  });
});

describe("versions", () => {
  it("a newer one is refused, and says which there are", async () => {
    const path = await saved();
    edit(path, (training) => {
      training.formatVersion = 3;
      training.totals = "something else by then";
    });
    await expect(loadTrainingState(path)).rejects.toThrow(
      `${path} is a checkpoint of format 3; this cbapd reads formats 1 to 2. A newer cbapd wrote it: go on with that one.`,
    );
  });

  it.each([0, -1, 1.5, "2", null, undefined])("%j is none", async (formatVersion) => {
    const path = await saved();
    edit(path, (training) => Object.assign(training, { formatVersion }));
    await expect(loadTrainingState(path)).rejects.toThrow("the training state is damaged at formatVersion: ");
  });

  it("one is not taken for the other", async () => {
    const path = await saved();
    edit(path, (training) => Object.assign(training, { formatVersion: 1 }));
    await expect(loadTrainingState(path)).rejects.toThrow(
      "the training state is damaged at history.epochs: ",
    );
    const old = join(temporaryFolder(), "old.safetensors");
    writeFileSync(old, readFileSync(VERSION_1));
    edit(old, (training) => Object.assign(training, { formatVersion: 2 }));
    await expect(loadTrainingState(old)).rejects.toThrow("the training state is damaged at ");
  });

  it("version 1 goes on, bit for bit, callbacks included", async () => {
    const { train, test } = shapes({ train: 75, test: 20, seed: 3 });
    const state = async (given: Pick<FitOptions, "resume" | "maxSteps"> = {}) => {
      const model = new Model(graph).compile({
        optimizer: adam(),
        loss: "sparseCategoricalCrossentropy",
        metrics: ["accuracy"],
      });
      const callbacks = [
        reduceLROnPlateau({ patience: 1, minDelta: 1 }),
        earlyStopping({ patience: 5, restoreBestWeights: true }),
      ];
      const options: FitOptions = { batchSize: 8, seed: 1, epochs: 3, workers: 1, callbacks, ...given };
      return (await model.fit(train, { ...options, validationData: test })).state;
    };
    const place = { formatVersion: 2, stopped: false, epoch: 1, stepInEpoch: 4, step: 14 };
    const { state: fixture } = await loadTrainingState(VERSION_1);
    expect(fixture).toMatchObject(place);
    const path = join(temporaryFolder(), "version-2.safetensors");
    await saveTrainingState(path, graph, fixture);
    expect((await loadTrainingState(path)).state).toEqual(fixture);
    const { state: resume } = await loadTrainingState(version1(await state({ maxSteps: 14 })));
    expect(resume).toMatchObject(place);
    const [continued, whole] = [await state({ resume }), await state()];
    expect(continued).toEqual(whole);
    expect((continued.callbacks.earlyStopping as { weights: unknown }).weights).toBeInstanceOf(Map);
  });
});

describe("damage", () => {
  it.each<[string, [string, string], string]>([
    [
      "a weight that is missing",
      ["conv2d/bias", "conv2d/bies"],
      'weight "conv2d/bias" must have shape [1]; it is missing.',
    ],
    [
      "an optimizer slot that is missing",
      ["adam/v/dense/bias", "adam/w/dense/bias"],
      'optimizer slot "adam/v/dense/bias" must have shape [12]; it is missing.',
    ],
    [
      "an array of the state that is missing",
      ["state/0", "state/9"],
      'tensor "state/0" of the training state is missing.',
    ],
  ])("%s", async (_what, rename, message) => {
    const path = await saved();
    // The state's own reference to the array lies in escaped JSON, and is not renamed with it.
    edit(path, () => {}, rename);
    const refused = loadTrainingState(path);
    await expect(refused).rejects.toThrow(FileError);
    await expect(refused).rejects.toThrow(message);
  });

  it("a tensor that belongs to nothing", async () => {
    const path = await saved({ callbacks: { mine: Float32Array.of(1) } });
    edit(path, (training) => Object.assign(training, { callbacks: {} }));
    await expect(loadTrainingState(path)).rejects.toThrow(
      'tensor "state/2" belongs to nothing that is known here.',
    );
  });

  it("marks that hold nonsense, and endless nesting", async () => {
    for (const [mine, message] of [
      [{ $number: "seven" }, 'damaged: "$number" holds "seven"'],
      [{ $map: [[1]] }, 'damaged: "$map" holds [[1]]'],
      [{ $tensor: "conv2d/none" }, 'tensor "conv2d/none" of the training state is missing'],
      [JSON.parse("[".repeat(100) + "]".repeat(100)), "nested deeper than 32"],
    ]) {
      const path = await saved();
      edit(path, (training) => Object.assign(training, { callbacks: { mine } }));
      await expect(loadTrainingState(path)).rejects.toThrow(message);
    }
  });
});
