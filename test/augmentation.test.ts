/** Augmentation: the kernels against the textbook, and what it may not touch. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { augmentImages } from "../src/backend/wasm/augment.js";
import { shapes } from "../src/data/shapes.js";
import { models } from "../src/index.js";
import { permutation } from "../src/random.js";
import { type Augmentation, augment } from "../src/reference/augmentation.js";
import { ndarray } from "../src/reference/ndarray.js";
import { resolveAugmentation } from "../src/train/augmentation.js";
import { weightsSha256 } from "../src/train/checkpoint.js";
import { SEED } from "./support/cases.js";
import { expectClose, FLOAT32_EPSILON } from "./support/close.js";
import { runRecorded } from "./support/recorded.js";

const EXAMPLES = 7;
const scale = Math.fround(1 / 255);

interface Case {
  readonly image: readonly [number, number, number];
  readonly batch: number;
  readonly first: number;
  readonly seed: number;
  readonly step: number;
  readonly settings: Augmentation;
  readonly dataType: "uint8" | "float32";
}

const someCase = (color: boolean) =>
  fc
    .tuple(fc.integer({ min: 2, max: 19 }), fc.integer({ min: 2, max: 19 }), fc.constantFrom(1, 2, 3, 4, 5))
    .chain(([H, W, C]) =>
      fc.record<Case>({
        image: fc.constant([H, W, C] as const),
        batch: fc.integer({ min: 1, max: 4 }),
        first: fc.integer({ min: 0, max: 3 }),
        seed: fc.nat({ max: 0xffffffff }),
        step: fc.nat({ max: 0xffffffff }),
        settings: fc.record({
          crop: fc.integer({ min: 0, max: Math.min(H, W) - 1 }),
          flip: fc.boolean(),
          color: color ? fc.double({ min: 0.01, max: 1, noNaN: true }) : fc.constant(0),
          cutout: fc.integer({ min: 0, max: Math.min(H, W) }),
        }),
        dataType: fc.constantFrom("uint8", "float32"),
      }),
    );

function source({ image, dataType }: Case): Uint8Array | Float32Array {
  const bytes = Uint8Array.from(
    { length: EXAMPLES * image[0] * image[1] * image[2] },
    (_, i) => 1 + ((i * 37 + (i >> 6)) % 255), // no zeros: what comes in from outside can be told apart
  );
  return dataType === "uint8" ? bytes : Float32Array.from(bytes, (byte) => byte / 7);
}

const ordered = ({ seed }: Case) => permutation(EXAMPLES, seed, 0);

function inWasm(given: Case, workers: number): Float32Array {
  const { image, batch, settings, dataType, first, seed, step } = given;
  return runRecorded(
    workers,
    ({ recorder, put }) => {
      const images = put([EXAMPLES, ...image], source(given), dataType);
      const order = put([EXAMPLES], ordered(given), "int32");
      return [augmentImages(recorder, images, order, scale, batch, image, settings)];
    },
    { first, seed, step },
  )[0] as Float32Array;
}

function inReference(given: Case): Float64Array {
  const { image, batch, settings, first, seed, step } = given;
  const examples = ordered(given).slice(first, first + batch);
  const size = image[0] * image[1] * image[2];
  const values = source(given);
  const x = Array.from(examples, (n) =>
    Array.from(values.subarray(n * size, (n + 1) * size), (value) => Math.fround(value * scale)),
  ).flat();
  return augment(ndarray([batch, ...image], x), settings, { examples, seed, step }).data;
}

describe("the kernels are the textbook", () => {
  const options = { numRuns: 60, seed: SEED };

  test("to the bit where they only move: crop, flip, cutout", () => {
    fc.assert(
      fc.property(someCase(false), (given) => {
        expect(Array.from(inWasm(given, 1))).toEqual(Array.from(inReference(given)));
      }),
      options,
    );
  });

  test("within rounding where they compute: color", () => {
    fc.assert(
      fc.property(someCase(true), (given) => {
        // Factors of at most 2·2·2 on values whose size the largest bounds, a dozen roundings each.
        const largest = Math.max(
          ...inReference({ ...given, settings: { ...given.settings, color: 0 } }),
          1e-6,
        );
        const atol = 8 * largest * 12 * FLOAT32_EPSILON;
        expectClose(inWasm(given, 1), inReference(given), { atol });
      }),
      options,
    );
  });

  test("the same bits for any number of workers", () => {
    fc.assert(
      fc.property(someCase(true), (given) => {
        const whole = inWasm(given, 1);
        for (const workers of [2, 3, 8]) expect(inWasm(given, workers)).toEqual(whole);
      }),
      { ...options, numRuns: 20 },
    );
  });
});

/** One 4×5 image of one channel, its pixels 1 … 20, at each of many steps. */
function draws(settings: Augmentation, steps: number): number[][] {
  const image = ndarray(
    [1, 4, 5, 1],
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  return Array.from({ length: steps }, (_, step) =>
    Array.from(augment(image, settings, { examples: [0], seed: 3, step }).data),
  );
}

describe("what is drawn", () => {
  it("mirrors half of the images", () => {
    const mirrored = draws({ flip: true }, 400).filter(([corner]) => corner === 5);
    expect(draws({ flip: true }, 400).every(([corner]) => corner === 1 || corner === 5)).toBe(true);
    expect(mirrored.length).toBeGreaterThan(160);
    expect(mirrored.length).toBeLessThan(240);
  });

  it("shifts by every distance up to crop, each way, and by no more", () => {
    // The pixel in the middle, row 2 and column 2, tells where the image went.
    const seen = new Set(draws({ crop: 1 }, 300).map((image) => image[2 * 5 + 2]));
    expect([...seen].sort((a, b) => a - b)).toEqual([7, 8, 9, 12, 13, 14, 17, 18, 19]);
    const shifted = draws({ crop: 1 }, 300).find((image) => image[2 * 5 + 2] === 7);
    expect(shifted).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14]);
  });

  it("cuts a square anywhere, a part of it at the border", () => {
    const images = draws({ cutout: 2 }, 300);
    const counts = new Set(images.map((image) => image.filter((value) => value === 0).length));
    expect([...counts].sort()).toEqual([1, 2, 4]); // in a corner, at a border, inside
    for (let i = 0; i < 20; i++) expect(images.some((image) => image[i] === 0)).toBe(true);
  });

  it("colours by brightness, contrast and saturation: greys stay grey, black and contrast move together", () => {
    const grey = ndarray([1, 2, 2, 3], [0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.6, 0.6, 0.6, 0.8, 0.8, 0.8]);
    const means = Array.from({ length: 200 }, (_, step) => {
      const { data } = augment(grey, { color: 0.5 }, { examples: [4], seed: 1, step });
      for (let pixel = 0; pixel < 4; pixel++) {
        expectClose(data.subarray(pixel * 3, pixel * 3 + 3), new Array(3).fill(data[pixel * 3]), {
          atol: 1e-15,
        });
      }
      return (data[0] + data[3] + data[6] + data[9]) / 4;
    });
    // Contrast and saturation keep the mean of greys; brightness alone moves it, by factors from [0.5, 1.5).
    expect(Math.min(...means)).toBeGreaterThanOrEqual(0.25 - 1e-12);
    expect(Math.max(...means)).toBeLessThan(0.75);
    expect(Math.min(...means)).toBeLessThan(0.28);
    expect(Math.max(...means)).toBeGreaterThan(0.72);
  });

  it("depends on step, seed and the image's number, and on nothing else", () => {
    const x = ndarray(
      [2, 8, 8, 1],
      Array.from({ length: 128 }, (_, i) => 1 + (i % 64)),
    );
    const settings = { crop: 3, flip: true, cutout: 3, color: 0.3 };
    const at = { examples: [5, 6], seed: 1, step: 2 };
    const { data } = augment(x, settings, at);
    const alone = augment(ndarray([1, 8, 8, 1], x.data.subarray(64)), settings, { ...at, examples: [6] });
    expect(data.subarray(64)).toEqual(alone.data);
    expect(data.subarray(0, 64)).not.toEqual(data.subarray(64));
    for (const other of [
      { ...at, seed: 2 },
      { ...at, step: 3 },
    ]) {
      expect(augment(x, settings, other).data).not.toEqual(data);
    }
  });
});

describe("training", () => {
  const settings = { crop: 4, flip: true, color: 0.2, cutout: 8 };
  const compiled = {
    optimizer: "adam",
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
  } as const;
  const { train, test: validationData } = shapes({ train: 75, test: 20, seed: 3 });
  const run = async (options: object) => {
    const model = models.lenet5().compile(compiled);
    const result = await model.fit(train, { batchSize: 8, seed: 1, epochs: 2, validationData, ...options });
    return { ...result, model, sha256: weightsSha256(model.getWeights()) };
  };

  it("gives the same bits for 1, 2 and 3 workers, and after an interruption at any step", async () => {
    const whole = await run({ augment: settings, workers: 1 });
    for (const workers of [2, 3])
      expect((await run({ augment: settings, workers })).sha256).toBe(whole.sha256);
    for (const maxSteps of [9, 13]) {
      const first = await run({ augment: settings, workers: 2, maxSteps });
      expect(first.state.augment).toEqual(settings);
      const second = await run({ augment: settings, workers: 3, resume: first.state });
      expect(second.sha256, `interrupted at step ${maxSteps}`).toBe(whole.sha256);
    }
  });

  it("changes what is trained on, each setting by itself, and leaves validation and gradients alone", async () => {
    const plain = await run({});
    const hashes = new Set([plain.sha256]);
    for (const [name, value] of Object.entries(settings))
      hashes.add((await run({ augment: { [name]: value } })).sha256);
    expect(hashes.size).toBe(5);
    expect((await run({ augment: { crop: 0, flip: false } })).sha256).toBe(plain.sha256);

    const augmented = await run({ augment: settings });
    const { loss } = await augmented.model.evaluate(validationData, { batchSize: 8 });
    expect(augmented.history.logs.val_loss.at(-1)).toBe(loss);
  });

  it("refuses to go on with other settings", async () => {
    const { state } = await run({ augment: settings, maxSteps: 1 });
    await expect(run({ resume: state })).rejects.toThrow(
      'fit: augment must be {"crop":4,"flip":true,"color":0.2,"cutout":8}, as in the run that is resumed; got none.',
    );
    await expect(run({ augment: { flip: true }, resume: state })).rejects.toThrow('got {"flip":true}.');
  });
});

describe("what is refused", () => {
  it.each<[object, string]>([
    [{ flipp: true }, 'augment: unknown option "flipp". Did you mean "flip"?'],
    [{ crop: -1 }, "augment: crop must be a whole number of pixels; got -1."],
    [{ crop: 8 }, "augment: crop must be less than 8; got 8 (images [9, 8, 3])."],
    [{ cutout: 2.5 }, "augment: cutout must be a whole number of pixels; got 2.5."],
    [{ cutout: 9 }, "augment: cutout must be at most 8; got 9 (images [9, 8, 3])."],
    [{ color: 1.5 }, "augment: color must lie in [0, 1]; got 1.5."],
    [{ flip: 1 }, "augment: flip must be true or false; got 1."],
  ])("%j", (given, message) => {
    expect(() => resolveAugmentation(given, [9, 8, 3])).toThrow(message);
  });

  it("data that are no images", () => {
    expect(() => resolveAugmentation({ flip: true }, [12])).toThrow(
      "augment: the network's input must be images, [height, width, channels]; got [12].",
    );
  });
});
