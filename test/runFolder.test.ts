/** A run's folder: whatever fails, and whenever the power does, its files are whole and agree with each other. */

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { FileError } from "../src/errors.js";
import {
  loadTrainingState,
  readModel,
  saveModel,
  saveTrainingState,
  weightsSha256,
} from "../src/train/checkpoint.js";
import type { TrainingState } from "../src/train/types.js";
import { FaultyFiles } from "./support/faultyFiles.js";
import { ForgetfulDisk } from "./support/forgetfulDisk.js";
import { rescue, savedRun } from "./support/savedRun.js";
import { temporaryFolder } from "./support/temporary.js";

const FILES = [
  "best.safetensors",
  "checkpoint.safetensors",
  "curves.png",
  "curves.svg",
  "history.json",
  "run.json",
  "summary.txt",
];

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const newFolder = () => join(temporaryFolder(), "run");
const checkpointOf = async (path: string) =>
  (await loadTrainingState(join(path, "checkpoint.safetensors"))).state;

/** Contents of all files by name. */
function contents(path: string): Record<string, string> {
  const names = readdirSync(path).sort();
  return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(path, name)))]));
}

let whole: { state: TrainingState; calls: string[]; files: Record<string, string>; path: string };

beforeAll(async () => {
  const files = new FaultyFiles();
  const path = newFolder();
  const run = await savedRun(path, files);
  expect(run.saved).toEqual([0, 2, 4, 4, 6, 8, 8]);
  expect(run.warnings).toEqual([]);
  whole = { state: run.state, calls: files.calls, files: contents(path), path };
  expect(Object.keys(whole.files)).toEqual(FILES);
  expect(await checkpointOf(path)).toEqual(run.state);
});

describe("a fault at one call", () => {
  // All of them take a minute: test/soak/faults.soak.ts.
  it("before the work begins is an error at once; later a warning, and the end is as if nothing had been", async () => {
    let warned = 0;
    for (let failing = 3; failing < whole.calls.length; failing += Math.ceil(whole.calls.length / 8)) {
      warned += await oneFault(failing);
    }
    expect(warned).toBeGreaterThan(3);
  });

  async function oneFault(failing: number): Promise<number> {
    const path = newFolder();
    const files = new FaultyFiles((call) => (call === failing ? "EIO" : undefined));
    const run = await savedRun(path, files).catch((error: unknown) => error as Error);
    const where = `call ${failing}, ${whole.calls[failing]}`;
    if (run instanceof Error) {
      expect(run, where).toBeInstanceOf(FileError);
      expect(run.message, where).toContain("the disk reports an error (EIO)");
      expect(files.calls.length, where).toBeLessThan(whole.calls.length / 3);
      await savedRun(path);
    } else {
      expect(run.state, where).toEqual(whole.state);
      expect(run.warnings.length, where).toBe(whole.calls[failing] === "list" ? 0 : 1);
      await run.saver.finish(run.model.graph, run.state);
    }
    expect(contents(path), where).toEqual(whole.files);
    return run instanceof Error ? 0 : run.warnings.length;
  }
});

describe("a disk that stays full", () => {
  it("costs no step: the old checkpoint stays good, and training can go on elsewhere", async () => {
    for (const [first, call] of [
      [0.4, "create"],
      [0.8, "write"],
    ] as const) {
      const path = newFolder();
      const from = whole.calls.indexOf(call, Math.floor(whole.calls.length * first));
      const run = await savedRun(path, new FaultyFiles((at) => (at >= from ? "ENOSPC" : undefined)));
      expect(run.state).toEqual(whole.state);
      expect(run.warnings[0]).toMatch(/cannot be written: the disk is full\. .* Training goes on/);
      const old = await checkpointOf(path);
      expect(old.step).toBe(run.saved.at(-1));
      expect(old).not.toEqual(whole.state);
      await expect(run.saver.finish(run.model.graph, run.state)).rejects.toThrow("the disk is full");
      expect(run.saver.holdsPosition(run.state)).toBe(false);
      expect(await checkpointOf(path)).toEqual(old);

      // The state that could not be written, or a copy of what was: both end as the undisturbed run did.
      const elsewhere = await rescue(run);
      const copy = newFolder();
      cpSync(path, copy, { recursive: true });
      for (const folder of [elsewhere, copy]) {
        const { state, saver, model } = await savedRun(folder);
        expect(state).toEqual(whole.state);
        await saver.finish(model.graph, state);
        for (const name of FILES.filter((file) => file !== "run.json")) {
          expect(sha256(readFileSync(join(folder, name))), `${name} in ${folder}`).toBe(whole.files[name]);
        }
      }
      rmSync(elsewhere, { recursive: true });
    }
  });
});

it("a power cut after any operation leaves whole files; the best weights are those of the checkpoint, or newer", async () => {
  const disk = new ForgetfulDisk();
  const path = "/disk/run";
  const run = await savedRun(path, disk);
  expect(run.state).toEqual(whole.state);

  // Each different content is read once.
  const scratch = temporaryFolder();
  const steps = new Map<string, { step: number; best: string | undefined }>();
  const bests = new Map<string, string>();
  const read = async <T>(known: Map<string, T>, bytes: Uint8Array, reader: (file: string) => Promise<T>) => {
    const key = sha256(bytes);
    if (!known.has(key)) {
      const file = join(scratch, `${key}.safetensors`);
      writeFileSync(file, bytes);
      known.set(key, await reader(file));
    }
    return known.get(key)!;
  };
  const readCheckpoint = async (file: string) => {
    const { state } = await loadTrainingState(file);
    const { best } = state.callbacks["run folder"] as { best?: { weights: Map<string, Float32Array> } };
    return { step: state.step, best: best && weightsSha256(best.weights) };
  };
  const readBest = async (file: string) => weightsSha256((await readModel(file)).weights);
  /** The best weights in the order in which they came. */
  const order: string[] = [];
  let images = 0;
  let reached = -1;
  for (let count = 0; count <= disk.operations.length; count++) {
    let least = Number.POSITIVE_INFINITY;
    for (const image of disk.images(count)) {
      images++;
      const bytes = image.get(join(path, "checkpoint.safetensors"));
      const checkpoint = bytes && (await read(steps, bytes, readCheckpoint));
      const bestBytes = image.get(join(path, "best.safetensors"));
      const best = bestBytes && (await read(bests, bestBytes, readBest));
      if (best && !order.includes(best)) order.push(best);
      if (checkpoint?.best) {
        expect(best && order.indexOf(best)).toBeGreaterThanOrEqual(order.indexOf(checkpoint.best));
      }
      least = Math.min(least, checkpoint?.step ?? -1);
      const history = image.get(join(path, "history.json"));
      if (history) JSON.parse(Buffer.from(history).toString());
    }
    expect(least, "never an older one than before").toBeGreaterThanOrEqual(reached);
    reached = least;
  }
  expect(reached).toBe(8);
  expect([...steps.values()].map(({ step }) => step)).toEqual([0, 2, 4, 4, 6, 8, 8]);
  expect(order.length).toBeGreaterThan(0);
  expect(images).toBeGreaterThan(500);
});

describe("a run that goes on first makes its files agree with the checkpoint", () => {
  it.each<[string, (path: string) => void]>([
    ["best weights deleted", (path) => rmSync(join(path, "best.safetensors"))],
    [
      "best weights cut",
      (path) =>
        writeFileSync(
          join(path, "best.safetensors"),
          readFileSync(join(path, "best.safetensors")).subarray(0, 900),
        ),
    ],
    ["an older history", (path) => writeFileSync(join(path, "history.json"), "{}")],
    ["no curves", (path) => rmSync(join(path, "curves.png"))],
  ])("%s", async (_what, spoil) => {
    const path = newFolder();
    cpSync(whole.path, path, { recursive: true });
    spoil(path);
    const run = await savedRun(path);
    expect(run.state).toEqual(whole.state);
    expect(run.saved).toEqual([]);
    expect(contents(path)).toEqual(whole.files);
  });

  it("another run's best weights", async () => {
    const path = newFolder();
    cpSync(whole.path, path, { recursive: true });
    const { graph, weights } = await readModel(join(path, "best.safetensors"));
    weights.get("dense/bias")![0] += 1;
    await saveModel(join(path, "best.safetensors"), graph, weights);
    expect(contents(path)).not.toEqual(whole.files);
    await savedRun(path);
    expect(contents(path)).toEqual(whole.files);
  });

  it("but it does not begin anew where a checkpoint lies without its settings", async () => {
    const path = newFolder();
    cpSync(whole.path, path, { recursive: true });
    rmSync(join(path, "run.json"));
    await expect(savedRun(path)).rejects.toThrow(
      /run\.json is missing or damaged: .* --run, or move .* --fresh\.$/,
    );
    expect(existsSync(join(path, "checkpoint.safetensors"))).toBe(true);
  });

  it("best weights that are none are refused", async () => {
    const path = newFolder();
    cpSync(whole.path, path, { recursive: true });
    const { graph, state } = await loadTrainingState(join(path, "checkpoint.safetensors"));
    const { best } = state.callbacks["run folder"] as { best: { weights: Map<string, Float32Array> } };
    for (const weights of [7, new Map(), new Map(best.weights).set("conv2d/kernel", Float32Array.of(1))]) {
      const callbacks = { "run folder": { best: { ...best, weights } } };
      await saveTrainingState(join(path, "checkpoint.safetensors"), graph, { ...state, callbacks });
      await expect(savedRun(path)).rejects.toThrow(
        "checkpoint.safetensors: the best weights in it are damaged.",
      );
    }
  });

  it("a failing file does not keep the others from being written", async () => {
    const path = newFolder();
    mkdirSync(join(path, "history.json"), { recursive: true });
    const run = await savedRun(path);
    await expect(run.saver.finish(run.model.graph, run.state)).rejects.toThrow(
      "history.json cannot be written",
    );
    expect(run.saver.holdsPosition(run.state)).toBe(true);
    expect(await checkpointOf(path)).toEqual(whole.state);
    expect(sha256(readFileSync(join(path, "best.safetensors")))).toBe(whole.files["best.safetensors"]);
  });
});
