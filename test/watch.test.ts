/** What training leaves for those who watch: event files as TensorBoard reads them, csv and JSON lines; and runs that go on in them. */
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { encodeHistogram } from "../src/formats/events.js";
import { crc32c, encodeRecord, readRecords } from "../src/formats/tfrecord.js";
import {
  adam,
  type Callback,
  csvLogger,
  type FitOptions,
  filterPicture,
  jsonLogger,
  layers,
  type Model,
  sequential,
  sgd,
  type TrainingState,
  tensorBoard,
} from "../src/index.js";
import { randomValues } from "./support/arrays.js";
import { temporaryFolder } from "./support/temporary.js";

const loss = "sparseCategoricalCrossentropy" as const;
const data = {
  x: Float32Array.from(randomValues(20 * 75, 1)),
  y: Array.from({ length: 20 }, (_, i) => i % 2),
};

function net(): Model {
  return sequential([
    layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [5, 5, 3] }),
    layers.flatten(),
    layers.dense({ units: 2, activation: "softmax" }),
  ]).compile({ optimizer: adam({ learningRate: 0.01 }), loss, metrics: ["accuracy"] });
}

const options: FitOptions = { batchSize: 8, workers: 1, validationSplit: 0.2, seed: 1 };

/** Bit by bit, from the polynomial: nothing in common with the table of the writer. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}

/** Any protocol buffer: field number to its values; numbers, or bytes. */
type Fields = Map<number, (number | Uint8Array)[]>;

function parse(bytes: Uint8Array): Fields {
  const fields: Fields = new Map();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    let value: number | Uint8Array;
    switch (key & 7) {
      case 0:
        value = varint();
        break;
      case 1:
        value = view.getFloat64(at, true);
        at += 8;
        break;
      case 2: {
        const length = varint();
        value = bytes.subarray(at, at + length);
        at += length;
        break;
      }
      case 5:
        value = view.getFloat32(at, true);
        at += 4;
        break;
      default:
        throw new Error(`wire type ${key & 7}`);
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

const bytesOf = (fields: Fields, field: number) => fields.get(field)![0] as Uint8Array;
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const doublesOf = (bytes: Uint8Array) => Array.from(new Float64Array(Uint8Array.from(bytes).buffer));

interface ReadEvent {
  readonly step: number;
  readonly wallTime: number;
  readonly version?: string;
  /** By tag: a Value message. */
  readonly values: ReadonlyMap<string, Fields>;
}

/** A folder's one event file, by the format's description, every checksum checked. */
function readEvents(folder: string): ReadEvent[] {
  const names = readdirSync(folder);
  expect(names).toHaveLength(1);
  expect(names[0]).toMatch(/^events\.out\.tfevents\.\d+\./);
  const file = readFileSync(join(folder, names[0]));
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(unmask(file.readUInt32LE(at + 8))).toBe(slowCrc(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    expect(unmask(file.readUInt32LE(at + 12 + length))).toBe(slowCrc(content));
    at += length + 16;
    const event = parse(content);
    const summary = event.has(5) ? parse(bytesOf(event, 5)) : new Map();
    const values = ((summary.get(1) ?? []) as Uint8Array[]).map(parse);
    events.push({
      step: (event.get(2)?.[0] as number | undefined) ?? 0,
      wallTime: event.get(1)![0] as number,
      version: event.has(3) ? textOf(bytesOf(event, 3)) : undefined,
      values: new Map(values.map((value) => [textOf(bytesOf(value, 1)), value])),
    });
  }
  return events;
}

describe("event files", () => {
  it("hold every record of the format, with its checksums, and nothing else", async () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283); // the check value of CRC-32C
    const folder = temporaryFolder();
    const model = net();
    const { history } = await model.fit(data, { ...options, epochs: 3, callbacks: [tensorBoard(folder)] });
    const [version, ...train] = readEvents(join(folder, "train"));
    expect(version.version).toBe("brain.Event:2");
    expect(train.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(Math.abs(train[2].wallTime - Date.now() / 1000)).toBeLessThan(60);
    const scalar = (event: ReadEvent, tag: string) => event.values.get(tag)!.get(2)![0];
    expect(train.map((event) => scalar(event, "epoch_loss"))).toEqual(history.logs.loss.map(Math.fround));
    expect(train.map((event) => scalar(event, "epoch_accuracy"))).toEqual(
      history.logs.accuracy.map(Math.fround),
    );
    expect(scalar(train[0], "epoch_learning_rate")).toBe(Math.fround(0.01));
    const validation = readEvents(join(folder, "validation")).slice(1);
    expect(validation.map((event) => scalar(event, "epoch_loss"))).toEqual(
      history.logs.val_loss.map(Math.fround),
    );

    for (const [name, values] of model.getWeights()) {
      const histogram = parse(bytesOf(train[2].values.get(name)!, 5));
      const [min, max, count, sum, squares] = [1, 2, 3, 4, 5].map(
        (field) => histogram.get(field)![0] as number,
      );
      expect([min, max, count]).toEqual([Math.min(...values), Math.max(...values), values.length]);
      expect(sum).toBeCloseTo(
        values.reduce((a, b) => a + b, 0),
        5,
      );
      expect(squares).toBeCloseTo(
        values.reduce((a, b) => a + b * b, 0),
        5,
      );
      const limits = doublesOf(bytesOf(histogram, 6));
      const buckets = doublesOf(bytesOf(histogram, 7));
      expect(buckets.reduce((a, b) => a + b, 0)).toBe(values.length);
      expect(limits.at(-1)).toBe(max);
      expect([...limits].sort((a, b) => a - b)).toEqual(limits);
      expect(train[2].values.has(`gradients/${name}`)).toBe(true);
    }
    const image = parse(bytesOf(train[2].values.get("filters/conv2d")!, 4));
    const png = decode(bytesOf(image, 4));
    expect([image.get(1)![0], image.get(2)![0], image.get(3)![0]]).toEqual([png.height, png.width, 3]);
    expect(Buffer.from(png.data)).toEqual(
      Buffer.from(filterPicture(model.graph, model.getWeights())!.pixels),
    );
  });

  it("can do without histograms, and leave out what is no number", async () => {
    const folder = temporaryFolder();
    const callbacks = [tensorBoard(folder, { histogramFreq: 0 })];
    await net().fit(data, { ...options, epochs: 1, callbacks });
    expect([...readEvents(join(folder, "train"))[1].values.keys()]).toEqual([
      "epoch_loss",
      "epoch_accuracy",
      "epoch_learning_rate",
    ]);
    const histogram = parse(encodeHistogram([1, Number.NaN, 3, Number.POSITIVE_INFINITY]));
    expect([1, 2, 3, 4].map((field) => histogram.get(field)![0])).toEqual([1, 3, 2, 4]);
    expect(doublesOf(bytesOf(parse(encodeHistogram([2, 2])), 7))).toEqual([2]);
    expect(doublesOf(bytesOf(parse(encodeHistogram([])), 7))).toEqual([0]);
    expect(() => tensorBoard("x", { histogramFreq: -1 })).toThrow(
      "histogramFreq must be an integer ≥ 0; got -1",
    );
  });

  it("are read back up to the first record that is damaged", () => {
    const records = ["a", "bc", "def"].map((text) => encodeRecord(new TextEncoder().encode(text)));
    const whole = Uint8Array.from(records.flatMap((record) => [...record]));
    const read = (bytes: Uint8Array) => Array.from(readRecords(bytes), ({ data }) => textOf(data));
    expect(read(whole)).toEqual(["a", "bc", "def"]);
    expect(read(whole.subarray(0, -1))).toEqual(["a", "bc"]);
    for (let at = 0; at < records[0].length; at++) {
      const damaged = whole.slice();
      damaged[at] ^= 1;
      expect(read(damaged), `byte ${at}`).toEqual([]);
    }
  });
});

describe("the last step's gradients", () => {
  it("are what the optimizer took: those of the batch, clipped", async () => {
    const batch = { x: data.x.subarray(0, 8 * 75), y: data.y.slice(0, 8) };
    const initial = net().getWeights();
    const { gradients: expected } = await net().gradients(batch.x, batch.y);
    let taken = new Map<string, Float32Array>();
    const catching: Callback = {
      onEpochEnd: (_epoch, _logs, context) => {
        taken = context.getGradients();
      },
    };
    const model = net();
    model.setWeights(initial);
    await model.fit(batch, { batchSize: 8, shuffle: false, workers: 1, callbacks: [catching] });
    expect([...taken.keys()]).toEqual([...expected.keys()]);
    for (const [name, values] of expected) expect(taken.get(name), name).toEqual(values);

    model.setWeights(initial);
    model.compile({ optimizer: sgd({ learningRate: 0.1, clipvalue: 0.001 }), loss });
    await model.fit(batch, { batchSize: 8, shuffle: false, workers: 1, callbacks: [catching] });
    const largest = Math.max(...Array.from(taken.values(), (values) => Math.max(...values.map(Math.abs))));
    expect(largest).toBeLessThanOrEqual(Math.fround(0.001));
  });
});

describe("a run that goes on", () => {
  /** Trains to epoch 3, but hands out the state after epoch 1: what a killed run comes back with. */
  async function aheadOfItsState(callbacks: () => Callback[]): Promise<TrainingState> {
    let state: TrainingState | undefined;
    const keeping: Callback = {
      onSave: (context) => {
        state ??= context.getTrainingState();
      },
    };
    await net().fit(data, { ...options, epochs: 3, callbacks: [...callbacks(), keeping] });
    return state!;
  }

  it("writes no epoch twice, whatever its files were ahead, and mends a torn end", async () => {
    const folder = temporaryFolder();
    const once = temporaryFolder();
    const callbacks = (at: string) => () => [
      tensorBoard(join(at, "tb")),
      csvLogger(join(at, "log.csv")),
      jsonLogger(join(at, "log.jsonl")),
    ];
    const state = await aheadOfItsState(callbacks(folder));
    expect(state.epoch).toBe(1);
    const train = join(folder, "tb/train");
    appendFileSync(join(train, readdirSync(train)[0]), Buffer.from([1, 2, 3]));
    for (const name of ["log.csv", "log.jsonl"]) appendFileSync(join(folder, name), '{"epoch":4,"lo');
    await net().fit(data, { ...options, epochs: 4, resume: state, callbacks: callbacks(folder)() });
    await net().fit(data, { ...options, epochs: 4, callbacks: callbacks(once)() });

    for (const part of ["train", "validation"]) {
      const [resumed, whole] = [folder, once].map((at) => readEvents(join(at, "tb", part)));
      expect(resumed.map(({ step }) => step)).toEqual([0, 0, 1, 2, 3]); // the version, then each epoch once
      const lossOf = (events: ReadEvent[]) =>
        events.slice(1).map(({ values }) => values.get("epoch_loss")!.get(2));
      expect(lossOf(resumed)).toEqual(lossOf(whole));
    }
    const [csv, wholeCsv] = [folder, once].map((at) => readFileSync(join(at, "log.csv"), "utf8"));
    expect(csv).toBe(wholeCsv);
    expect(csv.trim().split("\n")).toHaveLength(5);
    const lines = readFileSync(join(folder, "log.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(lines[3].seconds).toBeGreaterThan(0);
  });

  it("begins anew in files of a run that it is not, and joins late", async () => {
    const folder = temporaryFolder();
    const files = () => [tensorBoard(join(folder, "tb")), jsonLogger(join(folder, "log.jsonl"))];
    await net().fit(data, { ...options, epochs: 3, callbacks: files() });
    const { state } = await net().fit(data, { ...options, epochs: 2, callbacks: files() });
    expect(readEvents(join(folder, "tb/train")).map(({ step }) => step)).toEqual([0, 0, 1]);
    expect(readFileSync(join(folder, "log.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);
    const late = join(folder, "late");
    const joining = [tensorBoard(late), csvLogger(join(late, "log.csv"), { append: true })];
    await net().fit(data, { ...options, epochs: 3, resume: state, callbacks: joining });
    expect(readEvents(join(late, "train")).map(({ step }) => step)).toEqual([0, 2]);
    expect(readFileSync(join(late, "log.csv"), "utf8")).toMatch(
      /^epoch,accuracy,loss,val_accuracy,val_loss\n2,/,
    );
    expect(existsSync(join(late, "validation"))).toBe(true);
  });
});
