/** What is fuzzed of datasets that anybody may have written: IDX and npz files, CIFAR-100's archive. As targets.js. */
import { deepStrictEqual } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { loadCifar100 } from "../../dist/data/cifar100.js";
import { parseIdx, unpackIdx } from "../../dist/data/idx.js";
import { labelledPair } from "../../dist/data/labelled.js";
import { partsOf } from "../../dist/data/npzData.js";
import { bytesSource } from "../../dist/formats/byteSource.js";
import { encodeNpz, parseNpz } from "../../dist/formats/npz.js";
import { idx, tarEnd, tarEntry } from "./forge.js";
import { mutated } from "./mutations.js";

const NAME = "fuzzed";
const usually = (usual, ...others) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const bytesOf = (count) => Buffer.from({ length: count }, (_, i) => (i * 37) & 255);

// IDX

const idxGrammar = fc
  .record({
    shape: fc.constantFrom(
      [3, 2, 2],
      [2, 3, 2, 3],
      [2, 3, 2, 1],
      [5],
      [2, 3, 2, 2],
      [0, 2, 2],
      [2 ** 32 - 1, 2, 2],
    ),
    extra: usually(0, 1, -1, 40),
    type: usually(8, 9, 0xd, 0),
    packed: fc.boolean(),
    cut: usually(0, 1, 9),
  })
  .map(({ shape, extra, type, packed, cut }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = bytesOf(Math.max(0, (count < 1000 ? count : 12) + extra));
    const plain = idx(shape, values, (type << 8) | shape.length);
    const bytes = packed ? gzipSync(plain, { level: 1 }) : plain;
    return bytes.subarray(0, bytes.length - cut);
  });

function readIdx(bytes) {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isPacked ? unpackIdx(NAME, bytes) : bytes;
  const kind = plain[3] === 1 ? "labels" : "images";
  const { shape, values } = parseIdx(NAME, plain, kind);
  deepStrictEqual(idx(shape, Buffer.from(values)), Buffer.from(plain));
}

// npz with images and labels

const ARRAYS = {
  u1: Uint8Array,
  f4: Float32Array,
  f8: Float64Array,
  i4: Int32Array,
  i8: BigInt64Array,
  b1: Uint8Array,
};
const image = fc.record({
  type: usually("u1", "f4", "f8", "i4", "b1"),
  shape: usually([3, 2, 2], [3, 2, 2, 1], [3, 2, 2, 3], [3, 2, 2, 2], [0, 2, 2], [3, 4], [3, 1, 2, 2, 1], []),
  fill: usually(1, Number.NaN, Number.POSITIVE_INFINITY, 1e300),
});
const label = fc.record({
  type: usually("i8", "u1", "i4", "f4", "b1"),
  shape: usually([3], [3, 1], [2], [4], [1, 3], [3, 10], []),
  fill: usually(1, 0, -1, 9999, 10_000, 2 ** 31 - 1),
});
const datasetGrammar = fc
  .tuple(fc.array(fc.tuple(image, label), { minLength: 1, maxLength: 2 }), usually("x", "a", "__proto__"))
  .map(([parts, x]) => {
    const names =
      parts.length === 1
        ? [[x, "y"]]
        : [
            ["x_train", "y_train"],
            ["x_test", "y_test"],
          ];
    const arrays = new Map();
    parts.forEach(([images, labels], part) => {
      for (const [at, { type, shape, fill }] of [images, labels].entries()) {
        const data = new ARRAYS[type](shape.reduce((a, b) => a * b, 1));
        data.fill(type === "i8" ? BigInt(fill) : fill);
        if (type === "b1") data.fill(1);
        arrays.set(names[part][at], { type, shape, data });
      }
    });
    return arrays;
  })
  .map((arrays) => {
    try {
      return Buffer.concat(
        encodeNpz(NAME, arrays).map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)),
      );
    } catch {
      return Buffer.alloc(0); // a name that our own writer refuses
    }
  });

async function readNpzData(bytes) {
  const { train, test } = partsOf(NAME, await parseNpz(bytesSource(NAME, bytes)));
  const pair = labelledPair("npz", NAME, train, test, { testSplit: 0.5 });
  for (const { count, images, imageShape, labels, classes } of [pair.train, pair.test]) {
    deepStrictEqual(images.length, count * imageShape.reduce((a, b) => a * b, 1));
    deepStrictEqual(labels.length, count);
    if (!labels.every((each) => each >= 0 && each < classes.length)) throw new Error("a label is no class");
    if (!images.every(Number.isFinite)) throw new Error("a value is not finite");
  }
}

// CIFAR-100

const COUNTS = { fine: 2, coarse: 1, train: 1, test: 1, sha256: { train: "", test: "" } };
const records = fc
  .array(fc.tuple(usually(0, 1, 255), usually(0, 1, 2, 99)), { minLength: 1, maxLength: 3 })
  .map((labels) =>
    Buffer.concat(
      labels.map(([coarse, fine], i) =>
        Buffer.concat([Buffer.from([coarse, fine && (fine + i) % 256]), Buffer.alloc(3072, i)]),
      ),
    ),
  );
const good = Buffer.concat(
  [0, 1].map((fine) => Buffer.concat([Buffer.from([0, fine]), Buffer.alloc(3072, fine)])),
);
const someRecords = fc.oneof({ weight: 6, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: records });
const cifarGrammar = fc
  .record({
    train: someRecords,
    test: someRecords,
    fine: usually(
      "apple\nbear\n",
      "apple\n",
      "apple\napple\n",
      "apple\n\x1b[2J\n",
      "a\n".repeat(40_000),
      "\xff\n\xfe\n",
    ),
    coarse: usually("fish\n", "", "a\nb\n"),
    leaveOut: usually(-1, 0, 1, 2, 3),
    prefix: usually("cifar-100-binary/", "", "../", "/etc/"),
    packed: fc.boolean(),
  })
  .map(({ train, test, fine, coarse, leaveOut, prefix, packed }) => {
    const files = {
      "train.bin": train,
      "test.bin": test,
      "fine_label_names.txt": fine,
      "coarse_label_names.txt": coarse,
    };
    const entries = Object.entries(files)
      .filter((_, at) => at !== leaveOut)
      .map(([name, body]) => tarEntry({ name: prefix + name, body: Buffer.from(body, "latin1") }));
    const bytes = Buffer.concat([...entries, tarEnd]);
    return packed ? gzipSync(bytes, { level: 1 }) : bytes;
  });

async function readCifar100(bytes, scratch) {
  const path = join(scratch, "cifar-100.tar");
  writeFileSync(path, bytes);
  const { train, test } = await loadCifar100({ dataDir: path, unchecked: true }, COUNTS);
  deepStrictEqual([train.count, test.count, train.classes.length], [2, 2, 2]);
  deepStrictEqual([...train.labels].sort(), [0, 1]);
}

const pair = (prefix) => [
  [`x${prefix}`, { type: "u1", shape: [3, 2, 2], data: new Uint8Array(12).fill(3) }],
  [`y${prefix}`, { type: "u1", shape: [3], data: Uint8Array.of(0, 1, 1) }],
];
const goodNpz = [pair(""), [...pair("_train"), ...pair("_test")]].map((arrays) =>
  Buffer.concat(
    encodeNpz(NAME, new Map(arrays)).map((piece) =>
      Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength),
    ),
  ),
);

export const DATA_TARGETS = [
  {
    name: "idx datasets",
    weight: 2,
    files: fc.oneof(idxGrammar, mutated([idx([3, 2, 2], bytesOf(12)), gzipSync(idx([4], bytesOf(4)))])),
    read: async (bytes) => readIdx(bytes),
  },
  { name: "npz datasets", weight: 2, files: fc.oneof(datasetGrammar, mutated(goodNpz)), read: readNpzData },
  { name: "cifar100", weight: 0.5, files: cifarGrammar, read: readCifar100 },
];
