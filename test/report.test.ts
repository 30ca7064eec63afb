/** Scores of classes, the confusion matrix and the mistakes; and what `cbapd evaluate` and `cbapd predict` make of a folder of pictures. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { decode } from "fast-png";
import sharp from "sharp";
import { beforeAll, describe, expect, it, test } from "vitest";
import { matrixText } from "../src/cli/evaluateText.js";
import { classificationReport, datasets, layers, type Model, sequential, sgd } from "../src/index.js";
import { confusionSvg } from "../src/plots/confusion.js";
import { expectClose } from "./support/close.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
/** Outputs whose first largest is the given class. */
const outputsFor = (predicted: readonly number[], classes: number) =>
  Float32Array.from(
    predicted.flatMap((k) => Array.from({ length: classes }, (_, i) => (i === k ? 0.7 : 0.1))),
  );

describe("classificationReport", () => {
  test("the example of scikit-learn's documentation", () => {
    const report = classificationReport([0, 1, 2, 2, 2], outputsFor([0, 0, 2, 2, 1], 3), 3, ["a", "b", "c"]);
    const rounded = ({ precision, recall, f1, support }: (typeof report)["macroAverage"]) =>
      [precision, recall, f1].map((value) => value.toFixed(2)).concat(String(support));
    expect(report.classes.map((one) => [one.name, ...rounded(one)])).toEqual([
      ["a", "0.50", "1.00", "0.67", "1"],
      ["b", "0.00", "0.00", "0.00", "1"],
      ["c", "1.00", "0.67", "0.80", "3"],
    ]);
    expect(rounded(report.macroAverage)).toEqual(["0.50", "0.56", "0.49", "5"]);
    expect(rounded(report.weightedAverage)).toEqual(["0.70", "0.60", "0.61", "5"]);
    expect(report.accuracy).toBe(0.6);
    expect(report.confusionMatrix).toEqual([
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 2],
    ]);
    expect(report.mistakes.map(({ index, label, predicted }) => [index, label, predicted])).toEqual([
      [1, 1, 0],
      [4, 2, 1],
    ]);
  });

  test("agrees with counting by definition; a class that never occurs is in no average", () => {
    const cases = fc.integer({ min: 2, max: 6 }).chain((K) =>
      fc.record({
        K: fc.constant(K),
        pairs: fc.array(fc.tuple(fc.nat(K - 2), fc.nat(K - 2)), { minLength: 1, maxLength: 30 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ K, pairs }) => {
        const report = classificationReport(
          pairs.map(([label]) => label),
          outputsFor(
            pairs.map(([, p]) => p),
            K,
          ),
          K,
        );
        const share = (of: typeof pairs, test: (pair: (typeof pairs)[0]) => boolean) =>
          of.length === 0 ? 0 : of.filter(test).length / of.length;
        const right = ([label, predicted]: (typeof pairs)[0]) => label === predicted;
        const f1s = report.classes.map(({ label: k, precision, recall, f1 }) => {
          expect(precision).toBe(
            share(
              pairs.filter(([, p]) => p === k),
              right,
            ),
          );
          expect(recall).toBe(
            share(
              pairs.filter(([l]) => l === k),
              right,
            ),
          );
          expect(f1).toBeCloseTo(
            precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
            12,
          );
          return f1;
        });
        const occurring = f1s.filter((_, k) => pairs.some((pair) => pair.includes(k)));
        expect(report.macroAverage.f1).toBeCloseTo(
          occurring.reduce((a, b) => a + b, 0) / occurring.length,
          12,
        );
        expect(report.weightedAverage.recall).toBeCloseTo(report.accuracy, 12);
      }),
      { numRuns: 200 },
    );
  });

  test("distributions, ties and NaN; the worst mistake first", () => {
    const nan = Number.NaN;
    const outputs = Float32Array.of(0.5, 0.5, 0.25, 0.75, 0.125, 0.875, nan, 1, 0.375, 0.625);
    const report = classificationReport([1, 0, 0.5, 0.5, 0.9, 0.1, 0, 1, 1, 0], outputs, 2);
    expect(report.confusionMatrix).toEqual([
      [1, 3],
      [0, 0],
    ]);
    expect([report.undecided, report.accuracy, report.classes[1].support]).toEqual([1, 0.2, 1]);
    expect(report.mistakes).toEqual([
      { index: 2, label: 0, predicted: 1, probability: 0.875, labelProbability: 0.125 },
      { index: 1, label: 0, predicted: 1, probability: 0.75, labelProbability: 0.25 },
      { index: 4, label: 0, predicted: 1, probability: 0.625, labelProbability: 0.375 },
    ]);
    expect(() => classificationReport([0, 1], outputs, 2)).toThrow(
      "classificationReport: labels must be one for each of 5 rows of 2 outputs; got 2.",
    );
  });
});

describe("a model's report", () => {
  const net = (activation: "softmax" | "linear", fromLogits = false): Model =>
    sequential([
      layers.flatten({ inputShape: [32, 32, 3] }),
      layers.dense({ units: 10, activation }),
    ]).compile({
      optimizer: sgd(),
      loss: { name: "sparseCategoricalCrossentropy", fromLogits },
      metrics: ["accuracy"],
    });

  it("is that of evaluate and predict together, for any number of workers, from logits too", async () => {
    const { test: data } = await datasets.shapes({ train: 1, test: 45 });
    const model = net("softmax");
    const report = await model.classificationReport(data, { batchSize: 8, workers: 3 });
    expect(report.logs).toEqual(await model.evaluate(data, { batchSize: 8 }));
    expect(report.accuracy).toBeCloseTo(report.logs.accuracy, 12);
    const outputs = await model.predict(data);
    const expected = classificationReport(data.labels, outputs, 10, data.classes);
    expect(report.confusionMatrix).toEqual(expected.confusionMatrix);
    expect(report.classes).toEqual(expected.classes);
    expect(report.classes[2].name).toBe("triangle");
    expect(report.mistakes).toHaveLength(expected.mistakes.length);
    expectClose(
      report.mistakes.map(({ labelProbability }) => labelProbability),
      expected.mistakes.map(({ labelProbability }) => labelProbability),
      { atol: 1e-6 },
    );
    expect(await model.classificationReport(data, { batchSize: 8, workers: 1 })).toEqual(report);
    expect(await model.confusionMatrix(data, { batchSize: 8 })).toEqual(report.confusionMatrix);
    const linear = net("linear", true);
    linear.setWeights([...model.getWeights().values()]);
    const fromLogits = await linear.classificationReport(data, { batchSize: 8 });
    expect(fromLogits.confusionMatrix).toEqual(report.confusionMatrix);
    for (const { probability } of fromLogits.mistakes) expect(probability > 0 && probability <= 1).toBe(true);
  });
});

describe("pictures and text", () => {
  const report = classificationReport([0, 1, 1, 1], outputsFor([0, 1, 0, 1], 2), 2, ["cat & <dog>", "b"]);
  test("the matrix as SVG: each count that is there, in its row and column; names escaped", () => {
    const svg = confusionSvg(report.confusionMatrix, ["cat & <dog>", "b"], { title: "t" });
    expect(svg.match(/>(\d+)<\/text>/g)).toEqual([">1</text>", ">1</text>", ">2</text>"]);
    expect(svg).toContain("cat &amp; &lt;dog&gt;");
    expect(svg).toContain(">67 %</text>");
    const large = confusionSvg(
      Array.from({ length: 100 }, () => new Array(100).fill(1)),
      Array.from({ length: 100 }, String),
      { title: "t" },
    );
    expect(large.match(/<rect /g)!.length).toBe(10_002);
  });

  test("the matrix as text, as far as it fits", () => {
    expect(matrixText(report, 80)).toBe(
      "truth \\ prediction  cat & <dog>  b\n──────────────────────────────────\ncat & <dog>                   1  ·\nb                             1  2\n",
    );
    expect(matrixText(report, 30)).toContain("truth \\ prediction  0  1");
    expect(matrixText(report, 10)).toBeUndefined();
  });
});

describe("cbapd evaluate and predict, on a folder of pictures", () => {
  const home = temporaryFolder();
  const photos = join(home, "photos");
  const run = join(home, "run");
  const cbapd = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { ...process.env, NO_COLOR: "1", XDG_CACHE_HOME: join(home, "cache") };
      execFile(process.execPath, [MAIN, ...args], { env, cwd: home }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });

  beforeAll(async () => {
    const colours = { blue: "#2030e0", green: "#20c030", red: "#e02020" };
    for (const [name, background] of Object.entries(colours)) {
      mkdirSync(join(photos, name), { recursive: true });
      for (let i = 0; i < (name === "red" ? 5 : 10); i++) {
        const picture = sharp({ create: { width: 12 + i, height: 9, channels: 3, background } });
        await picture.jpeg().toFile(join(photos, name, `${i}.jpg`));
      }
    }
    // A green one among the blue: the mistake that must be found.
    await sharp({ create: { width: 9, height: 9, channels: 3, background: colours.green } })
      .png()
      .toFile(join(photos, "blue/odd.png"));
    const { code, stderr } = await cbapd(
      ...[
        "train",
        "baseline",
        "--width",
        "0.25",
        "--data",
        "folder:photos",
        "--image-size",
        "16",
        "--run",
        "run",
      ],
      ...["--validation-split", "0.4", "--split-seed", "3", "--class-weight", "balanced"],
      ...["--epochs", "25", "--batch-size", "8", "--learning-rate", "0.01"],
    );
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("evaluate knows the run's data and split, prints scores and matrix, writes pictures", async () => {
    const settings = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
    expect(settings).toMatchObject({
      imageSize: "16x16x3",
      validationSplit: 0.4,
      splitSeed: 3,
      classWeight: "balanced",
    });
    const { code, stdout, stderr } = await cbapd("evaluate", "run");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /class +precision +recall +F1 +images\n─+\nblue .*\ngreen .*\nred .*\nmacro average .*\nweighted average /,
    );
    expect(stdout).toMatch(/truth \\ prediction +blue +green +red\n/);
    const evaluation = JSON.parse(readFileSync(join(run, "evaluation.json"), "utf8"));
    expect(evaluation.images).toBe(settings.validationImages);
    const { history } = { history: JSON.parse(readFileSync(join(run, "history.json"), "utf8")) };
    expect(evaluation.loss).toBe(Math.min(...history.logs.val_loss));
    expect(evaluation.classes.map(({ support }: { support: number }) => support)).toEqual([4, 4, 2]);
    for (const name of ["confusion.svg", "confusion.png"])
      expect(existsSync(join(run, name)), name).toBe(true);
    expect(decode(readFileSync(join(run, "confusion.png"))).width).toBeGreaterThan(300);
  });

  it("--train finds the odd one, names its file and draws it; --out and --no-pictures", async () => {
    const out = join(home, "out");
    mkdirSync(out);
    const { stdout } = await cbapd(
      "evaluate",
      "run",
      "--train",
      "--validation-split",
      "0.01",
      "--json",
      "--out",
      "out",
    );
    const { mistakes, files, confusionMatrix } = JSON.parse(stdout);
    expect(confusionMatrix[0][1]).toBe(1);
    expect(mistakes[0]).toMatchObject({ label: 0, predicted: 1, file: "photos/blue/odd.png" });
    expect(readdirSync(out).sort()).toEqual(
      ["confusion-train.png", "confusion-train.svg", "evaluation-train.json", "mistakes-train.png"].sort(),
    );
    expect(files).toHaveLength(4);
    const { width, height, data, channels } = decode(readFileSync(join(out, "mistakes-train.png")));
    // The sheet is drawn at twice its size: the first tile lies at (14, 40) and is 128 wide.
    const at = ((40 + 64) * 2 * width + (14 + 64) * 2) * channels;
    expect([width > 500, height > 300, data[at] < 90, data[at + 1] > 150, data[at + 2] < 110]).toEqual(
      new Array(5).fill(true),
    );
    rmSync(join(run, "mistakes.png"), { force: true });
    const quiet = await cbapd("evaluate", "run", "--no-pictures", "--json");
    expect(JSON.parse(quiet.stdout).files).toEqual([]);
    expect(existsSync(join(run, "mistakes.png"))).toBe(false);
  });

  it("predict: bars for each; a bad file gets its error, the others go on, exit code 1", async () => {
    writeFileSync(join(home, "bad.jpg"), "no picture");
    const { code, stdout, stderr } = await cbapd(
      "predict",
      "run",
      "photos/red/1.jpg",
      "bad.jpg",
      "none.png",
      "photos/blue/2.jpg",
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: bad\.jpg cannot be read as an image: neither .*\nerror: none\.png cannot be read as an image: ENOENT.*\n$/,
    );
    expect(stdout).toMatch(
      /photos\/red\/1\.jpg\n[\s\S]*\nred +\d+\.\d % +█+\n[\s\S]*photos\/blue\/2\.jpg\n[\s\S]*\nblue +\d+\.\d % +█+\n/,
    );
    const json = await cbapd("predict", "run", "bad.jpg", "photos/green/1.jpg", "--json", "--top", "1");
    expect(json.code).toBe(1);
    const { predictions } = JSON.parse(json.stdout);
    expect(predictions[0]).toEqual({
      image: "bad.jpg",
      error: "neither JPEG nor PNG nor WebP",
      code: "IMAGE_FORMAT",
    });
    expect([predictions[1].image, predictions[1].top.length, predictions[1].top[0].name]).toEqual([
      "photos/green/1.jpg",
      1,
      "green",
    ]);
    expect((await cbapd("predict", "run", "photos/green/1.jpg")).code).toBe(0);
  });
});
