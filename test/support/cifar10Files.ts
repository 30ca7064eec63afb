/** CIFAR-10 in small: six batches of two images, in the forms in which it comes. */
import { createHash } from "node:crypto";
import { encode } from "fast-png";
import { packTar } from "modern-tar";

export const BATCH = 2;
const NAMES = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`).concat("test_batch");
export const digest = (algorithm: "sha256" | "sha512", bytes: Uint8Array) =>
  createHash(algorithm).update(bytes);
export const hex = (bytes: Uint8Array) => digest("sha256", bytes).digest("hex");

/** Six batches of two images, in the authors' layout and in ours. */
export const labels = NAMES.map((_, b) => Uint8Array.of(b, 9 - b));
export const pixels = NAMES.map((_, b) =>
  Uint8Array.from({ length: BATCH * 3072 }, (_, i) => (i * 7 + b * 31 + (i >> 5)) & 255),
);
export const records = NAMES.map((_, b) => {
  const bytes = new Uint8Array(BATCH * 3073);
  for (let i = 0; i < BATCH; i++) {
    bytes[i * 3073] = labels[b][i];
    for (let j = 0; j < 3072; j++)
      bytes[i * 3073 + 1 + (j % 3) * 1024 + Math.floor(j / 3)] = pixels[b][i * 3072 + j];
  }
  return bytes;
});
export const trainImages = Buffer.concat(pixels.slice(0, 5));
export const trainLabels = Buffer.concat(labels.slice(0, 5));

type Entry = { name: string; bytes: Uint8Array };
export const tar = (entries: readonly Entry[]) =>
  packTar(entries.map(({ name, bytes }) => ({ header: { name, size: bytes.length }, body: bytes })));
export const binaries = (): Entry[] =>
  NAMES.map((name, b) => ({ name: `cifar-10-batches-bin/${name}.bin`, bytes: records[b] }));
const json = (parts: readonly Uint8Array[]) =>
  new TextEncoder().encode(JSON.stringify([...Buffer.concat(parts)]));
const picture = (data: Uint8Array) => encode({ width: 1024, height: BATCH, channels: 3, depth: 8, data });
export const packageEntries = (): Entry[] => [
  { name: "package/package.json", bytes: new Uint8Array(670).fill(32) },
  ...NAMES.slice(0, 5).map((name, b) => ({ name: `package/${name}.png`, bytes: picture(pixels[b]) })),
  { name: "package/index.js", bytes: new Uint8Array(88).fill(32) },
  { name: "package/test_batch.png", bytes: picture(pixels[5]) },
  { name: "package/test_lables.json", bytes: json([labels[5]]) },
  { name: "package/train_lables.json", bytes: json(labels.slice(0, 5)) },
];
