/** No reader takes more memory than twice the file and 16 MB: bombs that promise terabytes, and large files that are right. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import {
  npy,
  npyHeader,
  png,
  pngChunk,
  pngHeader,
  safetensors,
  tar,
  tensorFile,
  zip,
} from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

const MEGA = 1 << 20;
const EXTRA_BYTES = 16 * MEGA;
const LARGE = 24 * MEGA;
const SCRIPT = fileURLToPath(new URL("hostile/memory.js", import.meta.url));

/** Bytes that deflate cannot shorten: a linear congruential generator's upper ones. */
function noise(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const header = (text: string) => text.padEnd(MEGA, " ");
const zeros = (count: number) => ({
  name: "a.npy",
  body: npy(npyHeader("'|u1'", `(${count},)`), Buffer.alloc(count)),
});
const deflated = (entry: { name: string; body: Buffer }) => ({
  ...entry,
  packed: deflateRawSync(entry.body, { level: 1 }),
  method: 8,
});
const plainNoise = noise(LARGE);
const large = { name: "a.npy", body: npy(npyHeader("'|u1'", `(${LARGE},)`), plainNoise) };

/** The file's name says the reader. */
const FILES: Readonly<Record<string, readonly [code: string, bytes: () => Buffer]>> = {
  "long.safetensors": ["SAFETENSORS_HEADER_TOO_LARGE", () => safetensors("{}", Buffer.alloc(9), 2 ** 53)],
  "deep.safetensors": [
    "SAFETENSORS_HEADER_TOO_DEEP",
    () => safetensors(header(`{"a":${"[".repeat(900_000)}`)),
  ],
  "wide.safetensors": [
    "SAFETENSORS_TOO_MANY_TENSORS",
    () => safetensors(header(`{"a":[${"[],".repeat(300_000)}[]]}`)),
  ],
  "numbers.safetensors": [
    "SAFETENSORS_SHAPE_RANK",
    () => safetensors(header(`{"a":{"dtype":"F32","shape":[${"1,".repeat(400_000)}1]}}`)),
  ],
  "keys.safetensors": [
    "SAFETENSORS_TOO_MANY_TENSORS",
    () => safetensors(header(`{${Array.from({ length: 80_000 }, (_, i) => `"${i}":0`)}}`)),
  ],
  "huge.safetensors": [
    "SAFETENSORS_OFFSETS_BEYOND",
    () => safetensors('{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'),
  ],
  "large.safetensors": [
    "accepted",
    () =>
      safetensors(
        JSON.stringify({ a: { dtype: "F32", shape: [LARGE / 4], data_offsets: [0, LARGE] } }),
        plainNoise,
      ),
  ],
  "pixels.model": [
    "MODEL_TOO_LARGE",
    () =>
      tensorFile(
        {},
        {
          model:
            '{"name":"a","output":1,"nodes":[{"kind":"input","name":"i","options":{"shape":[1000000,1000000,1]},"inputs":[]},{"kind":"global_average_pooling2d","name":"g","options":{},"inputs":[0]}]}',
        },
      ),
  ],
  "huge.npy": ["NPY_CUT", () => npy(npyHeader("'<f8'", "(100000000000000,)"))],
  "large.npy": ["accepted", () => npy(npyHeader("'>f4'", `(${LARGE / 4096}, 1024)`, "True"), plainNoise)],
  "bomb.npz": ["NPZ_BOMB", () => zip([deflated(zeros(100 * MEGA))])],
  "liar.npz": [
    "NPZ_INFLATED_SIZE",
    () => zip([{ ...deflated(zeros(100 * MEGA)), central: { size: 9000 }, local: { size: 9000 } }]),
  ],
  "stored.npz": ["accepted", () => zip([large])],
  "deflated.npz": ["accepted", () => zip([deflated(large)])],
  "bomb.tar": [
    "ARCHIVE_TOO_LARGE",
    () => gzipSync(tar({ name: "x", body: Buffer.alloc(150 * MEGA) }), { level: 1 }),
  ],
  "promise.tar": ["ARCHIVE_CUT", () => tar({ name: "data", size: 60 * MEGA }).subarray(0, 1024)],
  "extension.tar": [
    "ARCHIVE_EXTENSION_SIZE",
    () => gzipSync(tar({ name: "x", type: "x", body: Buffer.alloc(100 * MEGA) }), { level: 1 }),
  ],
  "large.tar": ["accepted", () => tar({ name: "data", body: plainNoise })],
  "bomb.png": [
    "PNG_SIZE",
    () =>
      png(
        pngHeader(5, 4),
        pngChunk("IDAT", deflateSync(Buffer.alloc(100 * MEGA), { level: 1 })),
        pngChunk("IEND"),
      ),
  ],
  "deep.json": ["RUN_TOO_DEEP", () => Buffer.from("[".repeat(MEGA))],
  "greedy.greedy": ["accepted", () => Buffer.alloc(9)],
};

interface Measured {
  readonly name: string;
  readonly code: string;
  readonly fileBytes: number;
  readonly usedBytes: number;
}

describe.skipIf(process.platform !== "linux")("memory of readers", () => {
  let measured: Measured[];
  beforeAll(() => {
    const folder = temporaryFolder();
    for (const [name, [, bytes]] of Object.entries(FILES)) writeFileSync(join(folder, name), bytes());
    const flags = ["--max-old-space-size=512", "--expose-gc", SCRIPT, folder];
    measured = JSON.parse(execFileSync(process.execPath, flags, { encoding: "utf8", timeout: 100_000 }));
  });

  it.each(Object.entries(FILES).filter(([name]) => name !== "greedy.greedy"))("%s", (name, [code]) => {
    const found = measured.find((one) => one.name === name)!;
    expect(found.code).toBe(code);
    expect(found.usedBytes).toBeLessThanOrEqual(2 * found.fileBytes + EXTRA_BYTES);
  });

  it("the measurement sees 64 MB", () => {
    const { usedBytes } = measured.find((one) => one.name === "greedy.greedy")!;
    expect(usedBytes).toBeGreaterThan(60 * MEGA);
  });
});
