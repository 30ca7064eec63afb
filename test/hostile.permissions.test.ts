/** A file never names code, a path or a URL that is followed: everything is loaded, and fuzzed, under Node's permission model. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { loadTrainingState, models, saveTrainingState, writeNpy, writeNpz } from "../src/index.js";
import { idx, npy, npyHeader, safetensors, tar, tensorFile, zip } from "./hostile/forge.js";
import {
  binaries,
  pixels as cifarPixels,
  hex,
  labels,
  tar as packed,
  records,
  trainImages,
  trainLabels,
} from "./support/cifar10Files.js";
import { temporaryFolder } from "./support/temporary.js";

const ROOT = realpathSync(fileURLToPath(new URL("..", import.meta.url)));
const MAJOR = Number(process.versions.node.split(".")[0]);

/** Reading: the package, and the files; writing: one folder. No child process, no worker, no native code. */
function underPermissions(script: string, read: string, write: string, args: readonly string[]): string {
  const flags = [
    MAJOR >= 22 ? "--permission" : "--experimental-permission",
    `--allow-fs-read=${ROOT}*`,
    `--allow-fs-read=${read}/*`,
    `--allow-fs-read=${write}/*`,
    `--allow-fs-write=${write}/*`,
    "--no-warnings",
    "--max-old-space-size=512",
    join(ROOT, "test/hostile", script),
    ...args,
  ];
  const env = { ...process.env, NODE_OPTIONS: "", TMPDIR: write };
  return execFileSync(process.execPath, flags, { encoding: "utf8", timeout: 110_000, env });
}

const array = { type: "f4", shape: [2], data: Float32Array.of(1, 2) } as const;
const COMMAND = "touch /tmp/cbapd-escaped";
const HOSTILE: Readonly<Record<string, readonly [code: string, bytes: Buffer]>> = {
  "path.safetensors": ["SAFETENSORS_NAME_PATH", tensorFile({ "../../etc/passwd": [1] })],
  "url.safetensors": ["SAFETENSORS_NAME_URL", tensorFile({ "http://127.0.0.1:9/x": [1] })],
  "file.safetensors": ["SAFETENSORS_ENTRY_UNKNOWN_FIELD", safetensors('{"a":{"file":"/etc/passwd"}}')],
  "code.safetensors": [
    "MODEL_LAYER",
    tensorFile(
      {},
      {
        model:
          '{"name":"a","output":0,"nodes":[{"kind":"input","name":"i","inputs":[],"options":{"shape":[1],"code":"process.exit(7)"}}]}',
      },
    ),
  ],
  "module.safetensors": [
    "MODEL_KIND",
    tensorFile(
      {},
      {
        model:
          '{"name":"a","output":0,"nodes":[{"kind":"node:child_process","name":"i","inputs":[],"options":{}}]}',
      },
    ),
  ],
  "pickle.npy": [
    "NPY_PICKLE",
    npy(npyHeader("'|O'", "(1,)"), Buffer.from(`\x80\x04cos\nsystem\n(S'${COMMAND}'\ntR.`, "latin1")),
  ],
  "python.npy": ["NPY_HEADER_SYNTAX", npy(npyHeader(`__import__('os').system('${COMMAND}')`, "(1,)"))],
  "path.npz": ["NPZ_NAME", zip([{ name: "../escaped.npy", body: Buffer.from("x") }])],
  "pickle.npz": ["NPZ_NAME", zip([{ name: "data.pkl", body: Buffer.from("x") }])],
  "path.tar": ["ARCHIVE_NAME_PATH", tar({ name: "../escaped", body: Buffer.from("x") })],
  "link.tar": ["ARCHIVE_LINK", tar({ name: "data_batch_1.bin", type: "2", linkname: "/etc/passwd" })],
};

describe("under Node's permission model", () => {
  let read: string;
  let write: string;
  beforeAll(async () => {
    const folder = realpathSync(temporaryFolder());
    read = join(folder, "read");
    write = join(folder, "write");
    for (const name of ["read", "write", "read/mnist"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "secret"), "nobody's business");
    await writeFixtures(read);
  });

  it("each kind of file is loaded; hostile ones are refused; nothing else is touched", async () => {
    const before = readdirSync(read, { recursive: true }).sort();
    const found = JSON.parse(underPermissions("load.js", read, write, [read, write]));
    expect(found).toEqual({
      loaded: ["model", "checkpoint", "case", "npy", "npz", "run", "cifar10", "mnist"],
      refused: Object.fromEntries(Object.entries(HOSTILE).map(([name, [code]]) => [name, code])),
      allowed: [],
      connections: [],
    });
    expect(readdirSync(read, { recursive: true }).sort()).toEqual(before);
    expect(readdirSync(write).sort()).toEqual(["a.npz", "checkpoint.safetensors"]);
    expect(readFileSync(join(write, "a.npz")).equals(readFileSync(join(read, "a.npz")))).toBe(true);
    const [ours, theirs] = [read, write].map((folder) => join(folder, "checkpoint.safetensors"));
    expect((await loadTrainingState(theirs)).state).toEqual((await loadTrainingState(ours)).state);
  });

  it("1,000 fuzzed files are refused or read there as anywhere", () => {
    const report = JSON.parse(underPermissions("fuzz.js", read, write, ["1000", "8"]));
    expect(report.total).toBeGreaterThanOrEqual(1000);
    expect(report.accepted).toBeGreaterThan(100);
  });
});

async function writeFixtures(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  const net = models.lenet5({ width: 1 / 6, inputShape: [16, 16, 1], classes: 2 }).compile({
    optimizer: "sgd",
    loss: "sparseCategoricalCrossentropy",
  });
  const x = new Float32Array(4 * 256).map((_, i) => (i % 7) / 7);
  const { state } = await net.fit({ x, y: [0, 1, 0, 1] }, { batchSize: 2, workers: 1 });
  await net.save(at("model.safetensors"));
  await saveTrainingState(at("checkpoint.safetensors"), net.graph, state);
  const layer = { kind: "layer", layer: "dense" };
  writeFileSync(
    at("case.safetensors"),
    tensorFile({ x: [1, 2], kernel: [2, 2], bias: [2], y: [1, 2] }, layer),
  );
  await writeNpy(at("a.npy"), array);
  await writeNpz(at("a.npz"), new Map([["a", array]]));
  writeFileSync(at("run.json"), '{"network":"lenet5","classes":["cat","dog"]}');
  writeFileSync(at("cifar.tar.gz"), gzipSync(await packed(binaries())));
  const pixels = Buffer.alloc(4, 3);
  const label = Buffer.alloc(1, 1);
  for (const part of ["train", "t10k"]) {
    writeFileSync(at(`mnist/${part}-images-idx3-ubyte`), idx([1, 2, 2], pixels));
    writeFileSync(at(`mnist/${part}-labels-idx1-ubyte`), idx([1], label));
  }
  const common = {
    npmPackage: { name: "x", version: "1.0.0", integrity: "" },
    classes: ["a"],
    licence: "",
    dataDirTakes: "",
  };
  const sums = (images: Uint8Array, labels: Uint8Array, testImages = images, testLabels = labels) => ({
    "train-images": hex(images),
    "train-labels": hex(labels),
    "test-images": hex(testImages),
    "test-labels": hex(testLabels),
  });
  const pins = {
    cifar10: {
      ...common,
      name: "cifar10",
      imageShape: [32, 32, 3],
      trainCount: 10,
      testCount: 2,
      batchCount: 2,
      sha256: sums(trainImages, trainLabels, cifarPixels[5], labels[5]),
      batchSha256: records.map(hex),
    },
    mnist: {
      ...common,
      name: "mnist",
      imageShape: [2, 2, 1],
      trainCount: 1,
      testCount: 1,
      sha256: sums(pixels, label),
    },
  };
  writeFileSync(at("pins.json"), JSON.stringify(pins));
  for (const [name, [, bytes]] of Object.entries(HOSTILE)) writeFileSync(at(name), bytes);
  writeFileSync(at("hostile.json"), JSON.stringify(Object.keys(HOSTILE)));
}
