/** Starts contenders, lets them run in turns, and asks for their memory at the end. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CbapdError } from "../errors.js";
import { weightSpecs } from "../models/graph.js";
import { initialWeights } from "../models/initializers.js";
import { NETWORKS } from "../models/networks.js";
import { sizeOf } from "../shape.js";
import { Model } from "../train/model.js";
import type { Assignment, ContenderName, Introduction } from "./contenders/contender.js";
import { madeUpData, type StepSettings } from "./stepSession.js";

const require = createRequire(import.meta.url);
/** Images on which the contenders' networks are held against ours. */
const SHOWN = 4;
/** Float32 and another order of sums, through all layers. */
const TOLERANCE = 1e-4;
const WARM_UP_MS = 1000;

/** A running contender. */
export interface Runner {
  readonly name: ContenderName;
  readonly version: string;
  measure(ms: number): Promise<readonly number[]>;
  /** Ends it. @returns the largest resident memory of its process, in 10⁶ bytes */
  close(): Promise<number>;
  kill(): void;
}

/** What all contenders of one setting are given: weights and images in a temporary folder. */
export class Contest {
  readonly #settings: StepSettings;
  readonly #warmUpMs: number;
  readonly #folder: string;
  readonly #expected: Float32Array;

  private constructor(settings: StepSettings, warmUpMs: number, folder: string, expected: Float32Array) {
    this.#settings = settings;
    this.#warmUpMs = warmUpMs;
    this.#folder = folder;
    this.#expected = expected;
  }

  static async open(settings: StepSettings, warmUpMs = WARM_UP_MS): Promise<Contest> {
    const graph = NETWORKS[settings.network]();
    const weights = initialWeights(graph, 0);
    const { images, scale } = madeUpData(SHOWN, sizeOf(graph.nodes[0].outputShape));
    const x = Float32Array.from(images, (value) => value * scale);
    const folder = await mkdtemp(join(tmpdir(), "cbapd-bench-"));
    await writeFile(join(folder, "images"), x);
    await writeFile(join(folder, "weights"), Buffer.concat(Array.from(weights.values(), bytesOf)));
    const expected = await new Model(graph, weights).predict(x, { batchSize: SHOWN });
    return new Contest(settings, warmUpMs, folder, expected);
  }

  /** @throws CbapdError when it cannot run here, or computes another network than we do */
  async start(name: ContenderName, python?: string): Promise<Runner> {
    const { network, workers, batchSize, mode, fast = name === "cbapd-fast" } = this.#settings;
    const specs = weightSpecs(NETWORKS[network]()).map(({ name, shape }) => ({ name, shape }));
    const assignment: Assignment = {
      contender: name,
      network,
      workers,
      batchSize,
      mode,
      fast,
      weightsPath: join(this.#folder, "weights"),
      weights: specs,
      imagesPath: join(this.#folder, "images"),
      shown: SHOWN,
      warmUpMs: this.#warmUpMs,
    };
    const runner = await startRunner(name, assignment, python);
    try {
      if (name !== "cbapd" || fast) {
        checkProbabilities(name, network, this.#expected, runner.introduction.probabilities ?? []);
      }
    } catch (error) {
      runner.kill();
      throw error;
    }
    return runner;
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

/** A contender is timed only when its network is ours. @throws CbapdError */
export function checkProbabilities(
  name: string,
  network: string,
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
): void {
  for (let i = 0; i < ours.length; i++) {
    if (Math.abs(theirs[i] - ours[i]) <= TOLERANCE) continue;
    throw new CbapdError(
      `${name} computes another network: probability ${i} of ${network} is ${theirs[i]}, ours ${ours[i]}.`,
    );
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** An interpreter that has PyTorch: CBAPD_PYTHON, python3, or Debian's own; undefined when none has. */
export async function findPython(): Promise<string | undefined> {
  const given = process.env.CBAPD_PYTHON;
  for (const python of given ? [given] : ["python3", "/usr/bin/python3"]) {
    const found = await new Promise<boolean>((resolve) => {
      execFile(python, ["-c", "import torch, numpy"], (error) => resolve(error === null));
    });
    if (found) return python;
  }
  return undefined;
}

/** The allocator keeps what it has, in huge pages, and oneDNN may use AVX-512: without this PyTorch is up to 2.4 times slower. */
function pytorchEnvironment(workers: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, ...rest } = process.env;
  return {
    ...rest,
    MALLOC_MMAP_MAX_: "0",
    MALLOC_TRIM_THRESHOLD_: "17179869184",
    MALLOC_TOP_PAD_: "268435456",
    GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
    ATEN_CPU_CAPABILITY: "avx512",
    OMP_NUM_THREADS: String(workers),
  };
}

function spawnContender(name: ContenderName, assignment: Assignment, python?: string) {
  const argument = JSON.stringify(assignment);
  if (name === "pytorch") {
    if (!python) {
      throw new CbapdError("no Python with PyTorch (Debian: python3-torch); CBAPD_PYTHON names another.");
    }
    const script = require.resolve("#pytorch-contender");
    return spawn(python, [script, argument], { env: pytorchEnvironment(assignment.workers) });
  }
  return spawn(process.execPath, [require.resolve("#contender"), argument]);
}

async function startRunner(
  name: ContenderName,
  assignment: Assignment,
  python?: string,
): Promise<Runner & { readonly introduction: Introduction }> {
  const child = spawnContender(name, assignment, python);
  const answers = new Answers(name, child);
  const introduction = (await answers.next("ready")) as Introduction;
  return {
    name,
    introduction,
    version: introduction.version,
    async measure(ms) {
      child.stdin.write(`${JSON.stringify({ measureMs: ms })}\n`);
      return (await answers.next("stepMs")) as number[];
    },
    async close() {
      child.stdin.end();
      return (await answers.next("peakRssMb")) as number;
    },
    kill: () => void child.kill(),
  };
}

/** A child's answers, one line each; its end or its failure is an error for whoever waits. */
class Answers {
  readonly #name: string;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  constructor(name: string, child: ChildProcessWithoutNullStreams) {
    this.#name = name;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on("data", (text) => {
      this.#stderr += text;
    });
    child.on("error", (error) => {
      this.#stderr += error.message;
    });
    child.stdin.on("error", () => {}); // a child that has died: its stderr says why
  }

  async next(key: "ready" | "stepMs" | "peakRssMb"): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    const answer = done ? {} : (JSON.parse(value) as Record<string, unknown>);
    if (key in answer) return answer[key];
    const why = answer.failed ?? (this.#stderr.trim().split("\n").at(-1) || "it ended without a word");
    throw new CbapdError(`${this.#name} failed: ${why}`);
  }
}
