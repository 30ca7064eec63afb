/** Our event files in TensorBoard's own reader, where Python has it; test/watch.test.ts reads them by the format's description everywhere. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { filterPicture, layers, sequential, sgd, tensorBoard } from "../src/index.js";
import { randomValues } from "./support/arrays.js";
import { pythonWith } from "./support/pythonWith.js";
import { temporaryFolder } from "./support/temporary.js";

interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sum_squares: number;
  readonly limits: readonly number[];
  readonly buckets: readonly number[];
}

interface Found {
  readonly version: string;
  readonly scalars: Readonly<Record<string, readonly [number, number][]>>;
  readonly histograms: Readonly<Record<string, readonly Histogram[]>>;
  readonly images: Readonly<Record<string, readonly { width: number; height: number; png: string }[]>>;
}

const python = pythonWith("tensorboard");
if (!python)
  console.warn("Left out: no Python here has tensorboard, so its reader does not look at our event files.");

const read = (folder: string): Found =>
  JSON.parse(
    execFileSync(python!, ["test/support/python/read_events.py", folder], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 1e8,
    }),
  );

describe("TensorBoard", () => {
  it.skipIf(!python)("finds every number that was written, and the picture", async () => {
    const model = sequential([
      layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [5, 5, 3] }),
      layers.flatten(),
      layers.dense({ units: 2, activation: "softmax" }),
    ]).compile({ optimizer: sgd(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
    const data = {
      x: Float32Array.from(randomValues(20 * 75, 1)),
      y: Array.from({ length: 20 }, (_, i) => i % 2),
    };
    const folder = temporaryFolder();
    const { history } = await model.fit(data, {
      batchSize: 8,
      workers: 1,
      validationSplit: 0.2,
      epochs: 3,
      callbacks: [tensorBoard(folder)],
    });
    const { logs } = history;
    const curve = (values: readonly number[]) => values.map((value, epoch) => [epoch, Math.fround(value)]);
    const train = read(join(folder, "train"));
    expect(train.scalars).toEqual({
      epoch_loss: curve(logs.loss),
      epoch_accuracy: curve(logs.accuracy),
      epoch_learning_rate: curve([0.01, 0.01, 0.01]),
    });
    expect(read(join(folder, "validation")).scalars).toEqual({
      epoch_loss: curve(logs.val_loss),
      epoch_accuracy: curve(logs.val_accuracy),
    });

    const weights = model.getWeights();
    const names = [...weights.keys()];
    expect(Object.keys(train.histograms).sort()).toEqual(
      [...names, ...names.map((name) => `gradients/${name}`)].sort(),
    );
    for (const [name, values] of weights) {
      expect(train.histograms[name]).toHaveLength(3);
      const last = train.histograms[name][2];
      expect(last).toMatchObject({ min: Math.min(...values), max: Math.max(...values), num: values.length });
      expect(last.sum).toBeCloseTo(
        values.reduce((a, b) => a + b, 0),
        5,
      );
      expect(last.sum_squares).toBeCloseTo(
        values.reduce((a, b) => a + b * b, 0),
        5,
      );
      expect(last.buckets.reduce((a, b) => a + b, 0)).toBe(values.length);
      expect(last.limits).toHaveLength(last.buckets.length);
    }

    const [picture] = train.images["filters/conv2d"].slice(-1);
    const png = decode(Buffer.from(picture.png, "hex"));
    expect([picture.width, picture.height]).toEqual([png.width, png.height]);
    expect(Buffer.from(png.data)).toEqual(Buffer.from(filterPicture(model.graph, weights)!.pixels));
  });
});
