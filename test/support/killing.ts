/**
 * `cbapd train`, killed at a random moment, started again and killed again: a chain of lives of one run, or of several in one
 * process. After each death the run folders are looked at as a user would find them, and compared with a run that was never
 * interrupted.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { shapes } from "../../src/data/shapes.js";
import { NETWORKS } from "../../src/models/networks.js";
import { Purpose, randomWords } from "../../src/random.js";
import { loadTrainingState, readModel, weightsSha256 } from "../../src/train/checkpoint.js";
import { Model } from "../../src/train/model.js";
import { adam } from "../../src/train/optimizers.js";
import type { History, TrainingState } from "../../src/train/types.js";

const MAIN = join(import.meta.dirname, "../../dist/cli/main.js");
const TOGETHER = join(import.meta.dirname, "trainTogether.js");
/** Small steps, and a checkpoint of a megabyte after each: most of the time a file is being written. */
const SETTINGS = { width: 1, images: 40, validation: 4, batchSize: 1, seed: 5 };
/** How often each run of a process saves, on average, before the process may die. */
const SAVES = 2;
/** Beyond what any life reaches. */
const ENDLESS = 100_000;

const FILES = [
  "best.safetensors",
  "checkpoint.safetensors",
  "confusion.json",
  "curves.png",
  "curves.svg",
  "history.json",
  "report.html",
  "result.json",
  "run.json",
  "summary.txt",
  "watch.jsonl",
  "weights.txt",
];

/** What a death left: the checkpoint's state, and the file of best weights. */
interface Found {
  readonly state: TrainingState;
  readonly best: string | undefined;
  readonly history: History | undefined;
}

export interface Tally {
  /** Of each run. */
  readonly kills: number;
  /** Deaths before the life's first save: starting, locking, reading, loading data. */
  readonly starting: number;
  /** Deaths that left a half-written file beside the good one. */
  readonly writing: number;
  /** Steps that the runs reached. */
  readonly steps: number;
  readonly epochs: number;
}

/** Kills a process of as many runs as there are folders so often. */
export async function killAgain(runs: readonly string[], kills: number, seed: number): Promise<Tally> {
  const next = randomWords(seed, Purpose.Shuffle, 0);
  const random = () => next() / 2 ** 32;
  let starting = 0;
  let writing = 0;
  const found: Found[] = [];
  const before = new Map<string, Found>();
  for (let kill = 0; kill < kills; kill++) {
    // One life in four dies at any moment from its birth on; the others after a save, where there is most to lose.
    const early = random() < 0.25;
    const { pid, reported } = await live(runs, { early, delayMs: random() * (early ? 700 : 300) });
    for (const run of runs) {
      const saved = reported.get(run);
      if (saved === undefined) starting++;
      if (leftovers(run, pid, saved !== undefined)) writing++;
      const after = await look(run);
      const step = after?.state.step ?? -1;
      if (saved !== undefined) expect(step, "a step that counted as saved").toBeGreaterThanOrEqual(saved);
      expect(step, "the life before").toBeGreaterThanOrEqual(before.get(run)?.state.step ?? -1);
      if (!after) continue;
      found.push(after);
      before.set(run, after);
    }
  }
  // To the end of an epoch, undisturbed: what is left then?
  const epochs = Math.max(...[...before.values()].map(({ state }) => state.epoch)) + 1;
  const { code, reported } = await live(runs, { epochs });
  expect(code).toBe(0);
  for (const run of runs) {
    expect(readdirSync(run).sort()).toEqual(FILES);
    const last = (await look(run))!;
    expect(last.state).toMatchObject({ epoch: epochs, step: reported.get(run) });
    found.push(last);
  }
  await compare(found, epochs);
  return { kills, starting, writing, steps: epochs * SETTINGS.images, epochs };
}

interface Death {
  readonly early?: boolean;
  readonly delayMs?: number;
  /** Lives to the end of so many epochs. */
  readonly epochs?: number;
}

/** One life. Resolves with the step of each run's last save that it reported. */
function live(
  runs: readonly string[],
  { early, delayMs, epochs = ENDLESS }: Death,
): Promise<{ pid: number; reported: Map<string, number>; code: number | null }> {
  const commands = runs.map((run) => commandOf(run, epochs));
  const [first, ...others] = commands;
  const args = others.length > 0 ? [TOGETHER, JSON.stringify(commands)] : [MAIN, "train", ...first];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args);
    let output = "";
    let errors = "";
    let timer: ReturnType<typeof setTimeout> | undefined;
    const kill = () => {
      timer ??= setTimeout(() => child.kill("SIGKILL"), delayMs);
    };
    if (early) kill();
    child.stdout.on("data", (data) => {
      output += data;
      const reports = output.split('"saved"').length - 1;
      if (delayMs !== undefined && reports >= SAVES * runs.length) kill();
    });
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (errors !== "") reject(new Error(`cbapd train said: ${errors}`));
      if (delayMs !== undefined && signal !== "SIGKILL") reject(new Error(`it ended with code ${code}`));
      resolve({ pid: child.pid!, reported: reportsOf(output), code });
    });
  });
}

function commandOf(run: string, epochs: number): string[] {
  const { width, images, validation, batchSize, seed } = SETTINGS;
  const numbers = { width, limit: images, "limit-test": validation, "batch-size": batchSize, seed, epochs };
  return [
    ...["lenet5", "--data", "shapes", "--run", run, "--json", "--save-every", "1steps", "--workers", "1"],
    ...Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ];
}

function reportsOf(output: string): Map<string, number> {
  const lines = output.split("\n").filter((line) => line.startsWith('{"run":') && line.endsWith("}"));
  return new Map(lines.map((line) => JSON.parse(line)).map(({ run, saved }) => [run, saved]));
}

/** Whether there is a half-written file. Those of earlier lives must be gone once a life has begun to save. */
function leftovers(run: string, pid: number, saved: boolean): boolean {
  if (!existsSync(run)) return false;
  const rest = readdirSync(run).filter((name) => name !== "lock" && !FILES.includes(name));
  for (const name of rest) expect(name).toMatch(/\.tmp$/);
  const own = rest.filter((name) => name.includes(`.${pid}-`));
  if (saved) expect(rest).toEqual(own);
  return own.length > 0;
}

/** Everything that is there must be whole. */
async function look(run: string): Promise<Found | undefined> {
  const read = (name: string) => {
    const path = join(run, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const text = read("history.json")?.toString();
  const history = text === undefined ? undefined : (JSON.parse(text) as History);
  const png = read("curves.png");
  if (png) expect(png.subarray(-8).toString("latin1")).toContain("IEND");
  const svg = read("curves.svg")?.toString();
  if (svg !== undefined) expect(svg.trimEnd()).toMatch(/<\/svg>$/);
  if (!existsSync(join(run, "checkpoint.safetensors"))) return undefined;
  const { state } = await loadTrainingState(join(run, "checkpoint.safetensors"));
  const path = join(run, "best.safetensors");
  const best = existsSync(path) ? weightsSha256((await readModel(path)).weights) : undefined;
  return { state, best, history };
}

/** Holds all that was found against one run without an interruption. */
async function compare(found: readonly Found[], epochs: number): Promise<void> {
  const { width, images, validation, batchSize, seed } = SETTINGS;
  const { train, test } = shapes({ train: images, test: validation });
  const model = new Model(NETWORKS.lenet5({ width }));
  model.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
  const wanted = new Set(found.map(({ state }) => positionOf(state)));
  const digests = new Map<string, string>();
  /** SHA-256 of the weights after each epoch. */
  const weights: string[] = [];
  const { history } = await model.fit(train, {
    batchSize,
    epochs,
    seed,
    workers: 1,
    validationData: test,
    callbacks: [
      {
        saveEvery: { steps: 1 },
        onSave(context, when) {
          const state = context.getTrainingState();
          if (wanted.has(positionOf(state))) digests.set(positionOf(state), digestOf(state));
          if (when === "epoch") weights.push(weightsSha256(state.weights));
        },
      },
    ],
  });
  const losses = history.logs.val_loss;
  for (const { state, best, history: file } of found) {
    if (state.step > 0) {
      expect(digestOf(state), `after step ${state.step}`).toBe(digests.get(positionOf(state)));
    }
    const { best: held } = state.callbacks["run folder"] as {
      best?: { epoch: number; value: number; weights: Map<string, Float32Array> };
    };
    // The file of best weights holds what the checkpoint says, or what the end of the epoch in work will say.
    const lowest = bestEpoch(losses, state.epoch);
    const ahead = bestEpoch(losses, state.epoch + 1);
    expect(held?.epoch, `best of ${state.epoch} epochs`).toBe(lowest);
    if (held) expect(weightsSha256(held.weights)).toBe(weights[held.epoch]);
    expect([lowest, ahead].map((epoch) => epoch !== undefined && weights[epoch])).toContain(best ?? false);
    const done = file?.epochs.length ?? 0;
    expect([state.epoch, state.epoch + 1]).toContain(done);
    if (file) expect(file.logs.val_loss).toEqual(losses.slice(0, done));
  }
}

function bestEpoch(losses: readonly number[], epochs: number): number | undefined {
  let best: number | undefined;
  for (let epoch = 0; epoch < Math.min(epochs, losses.length); epoch++) {
    if (best === undefined || losses[epoch] < losses[best]) best = epoch;
  }
  return best;
}

function positionOf({ epoch, stepInEpoch, step }: TrainingState): string {
  return `${epoch} ${stepInEpoch} ${step}`;
}

/** Weights, moments, totals, learning rate and history. */
function digestOf({ weights, slots, totals, learningRate, history }: TrainingState): string {
  const hash = createHash("sha256").update(weightsSha256(weights)).update(weightsSha256(slots));
  return hash.update(JSON.stringify({ totals, learningRate, history })).digest("hex");
}
