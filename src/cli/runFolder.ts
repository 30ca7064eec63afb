/** A run's folder: its settings, checkpoint, best weights, history and curves, each file replaced as a whole. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import {
  FileError,
  type Files,
  type FolderLock,
  type Graph,
  graphDifference,
  type History,
  loadModel,
  loadTrainingState,
  lockFolder,
  type Model,
  OptionError,
  type RunJson,
  readRunJson,
  saveModel,
  saveTrainingState,
  summaryText,
  type TrainingState,
  weightSpecs,
  weightsSha256,
  writeFileAtomic,
} from "../index.js";
import type { DataOptions, OwnOrRunsDataOptions } from "./options.js";
import { SAVER } from "./runSaver.js";

/** What decides a run's numbers: a continuation must have the same. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

/** The weights with the lowest validation loss so far. */
export interface Best {
  readonly epoch: number;
  readonly value: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

const ELSEWHERE = "Choose another folder with --run, or move this one aside with --fresh.";

export class RunFolder {
  readonly path: string;
  readonly #files: Files | undefined;

  /** @param files for tests: what writes */
  constructor(path: string, files?: Files) {
    this.path = path;
    this.#files = files;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  get checkpoint(): string {
    return this.file("checkpoint.safetensors");
  }

  get best(): string {
    return this.file("best.safetensors");
  }

  /**
   * Moves an old run aside, `runs/baseline` to `runs/baseline.1`, and says where to; undefined when there is none.
   * @throws LockError when another living process works in it
   */
  async moveAside(): Promise<string | undefined> {
    if (!existsSync(this.path)) return undefined;
    const lock = await this.lock();
    let number = 1;
    while (existsSync(`${this.path}.${number}`)) number++;
    const target = `${this.path}.${number}`;
    try {
      await rename(this.path, target);
    } catch (cause) {
      await lock.release();
      throw new FileError(`${this.path} cannot be moved aside: ${(cause as Error).message}.`, { cause });
    }
    await lock.release(target);
    return target;
  }

  /** Takes the folder for this process. @throws LockError when another living process has it */
  lock(): Promise<FolderLock> {
    return lockFolder(this.path);
  }

  /**
   * The state to go on from, or undefined for a new run.
   * @param now the network as it is built now
   * @throws OptionError when the folder holds a run with other settings, or of another network; FileError when it is damaged
   */
  async resume(settings: RunSettings, now?: Graph): Promise<TrainingState | undefined> {
    if (!existsSync(this.checkpoint)) return undefined;
    const path = this.file("run.json");
    const before = await readRunJson(path, ELSEWHERE);
    // What is not set is not there: either side may have what the other lacks.
    for (const name of new Set([...Object.keys(settings), ...Object.keys(before)])) {
      if (before[name] === settings[name] || name === "classes") continue;
      const held = before[name] === undefined ? `no ${name}` : `${name} ${JSON.stringify(before[name])}`;
      const given = settings[name] === undefined ? "none" : JSON.stringify(settings[name]);
      throw new OptionError(`${this.path} holds a run with ${held}; got ${given}. ${ELSEWHERE}`);
    }
    try {
      const { graph, state } = await loadTrainingState(this.checkpoint);
      const difference = now && graphDifference(graph, now);
      if (difference !== undefined) {
        throw new OptionError(`${this.path} holds a run of another network: ${difference}. ${ELSEWHERE}`);
      }
      return await this.#withBest(graph, state);
    } catch (cause) {
      if (!(cause instanceof FileError)) throw cause;
      throw new FileError(`${cause.message} ${ELSEWHERE}`, { cause });
    }
  }

  /**
   * Makes sure of the best weights. Checkpoints of format 1 remember the lowest validation loss, but the weights lie in
   * best.safetensors alone.
   */
  async #withBest(graph: Graph, state: TrainingState): Promise<TrainingState> {
    const held = (state.callbacks[SAVER] as { best?: Partial<Best> } | null | undefined)?.best;
    if (held !== undefined && !isWhole(graph, held)) {
      throw new FileError(`${this.checkpoint}: the best weights in it are damaged.`);
    }
    const losses = state.history.logs.val_loss ?? [];
    const value = Math.min(...losses.filter((loss) => !Number.isNaN(loss)));
    if (SAVER in state.callbacks || value === Number.POSITIVE_INFINITY) return state;
    const weights = await loadModel(this.best).then(
      (model) => model.getWeights(),
      () => undefined,
    );
    if (!weights) return state;
    const best: Best = { epoch: state.history.validationEpochs[losses.indexOf(value)], value, weights };
    return { ...state, callbacks: { ...state.callbacks, [SAVER]: { best } } };
  }

  async begin(settings: RunSettings, classes: readonly string[], model: Model): Promise<void> {
    const run = `${JSON.stringify({ ...settings, classes }, null, 2)}\n`;
    await writeFileAtomic(this.file("run.json"), run, this.#files);
    await writeFileAtomic(this.file("summary.txt"), `${summaryText(model)}\n`, this.#files);
  }

  saveCheckpoint(graph: Graph, state: TrainingState): Promise<void> {
    return saveTrainingState(this.checkpoint, graph, state, this.#files);
  }

  saveBest(graph: Graph, { weights }: Best): Promise<void> {
    return saveModel(this.best, graph, weights, this.#files);
  }

  /** Whether best.safetensors holds these weights. */
  async holdsBest({ weights }: Best): Promise<boolean> {
    try {
      return weightsSha256((await loadModel(this.best)).getWeights()) === weightsSha256(weights);
    } catch {
      return false; // missing or damaged: it will be written again
    }
  }

  async holdsHistory(history: History): Promise<boolean> {
    const files = ["curves.svg", "curves.png"].every((name) => existsSync(this.file(name)));
    const text = await readFile(this.file("history.json"), "utf8").catch(() => undefined);
    return files && text === historyText(history);
  }

  async saveHistory(history: History, title: string): Promise<void> {
    // Drawing takes longer to load than all the rest: not before there is something to draw.
    const [{ curvesSvg }, { svgToPng }] = await Promise.all([
      import("../plots/curves.js"),
      import("../plots/png.js"),
    ]);
    const svg = curvesSvg(history, { title });
    await writeFileAtomic(this.file("history.json"), historyText(history), this.#files);
    await writeFileAtomic(this.file("curves.svg"), svg, this.#files);
    await writeFileAtomic(this.file("curves.png"), svgToPng(svg), this.#files);
  }

  /** Keeps a state that cannot be written here in a new folder of the system's temporary one, which it returns. */
  async rescue(
    settings: RunSettings,
    classes: readonly string[],
    model: Model,
    state: TrainingState,
  ): Promise<string> {
    const folder = new RunFolder(await mkdtemp(join(tmpdir(), "cbapd-rescue-")));
    await folder.begin(settings, classes, model);
    await folder.saveCheckpoint(model.graph, state);
    return folder.path;
  }

  /** Name, shape and values of each trainable variable. */
  async saveWeightsText(model: Model): Promise<void> {
    const weights = model.getWeights();
    const parts = weightSpecs(model.graph)
      .filter((spec) => spec.trainable)
      .map(({ name, shape }) => `${name} [${shape.join(", ")}]\n${weights.get(name)!.join(" ")}\n`);
    await writeFileAtomic(
      this.file("weights.txt"),
      parts.map((part) => Buffer.from(part)),
      this.#files,
    );
  }
}

/** The model file that a path means: a run folder's best weights (or its checkpoint), or the file itself. */
export function modelFile(path: string): string {
  if (basename(path).endsWith(".safetensors")) return path;
  const folder = new RunFolder(path);
  if (existsSync(folder.best)) return folder.best;
  if (existsSync(folder.checkpoint)) return folder.checkpoint;
  throw new FileError(
    `${path} is no run folder: it has no best.safetensors (looked in ${resolve(path)}). Train one with "cbapd train".`,
  );
}

/** What the run was begun with that a model file belongs to; nothing for one that lies alone. */
export async function runOf(file: string): Promise<RunJson> {
  const path = join(dirname(file), "run.json");
  return existsSync(path) ? readRunJson(path, "Mend it, or move it away.") : {};
}

/** The run's data, where nothing else is said. */
export function dataOfRun(options: OwnOrRunsDataOptions, run: RunJson): DataOptions {
  const { data, validationSplit, splitSeed } = run;
  const other = options.data !== undefined && options.data !== data;
  return {
    ...options,
    data: options.data ?? (typeof data === "string" ? data : "cifar10"),
    ...(!other && {
      validationSplit: options.validationSplit ?? numberOf(validationSplit),
      splitSeed: options.splitSeed ?? numberOf(splitSeed),
    }),
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Whether these are the network's weights. */
function isWhole(graph: Graph, { epoch, value, weights }: Partial<Best>): boolean {
  const values = (name: string) => (weights instanceof Map ? weights.get(name) : undefined);
  const fits = ({ name, shape }: { name: string; shape: readonly number[] }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return values(name) instanceof Float32Array && values(name)?.length === length;
  };
  return Number.isInteger(epoch) && typeof value === "number" && weightSpecs(graph).every(fits);
}

function historyText(history: History): string {
  return `${JSON.stringify(history, null, 2)}\n`;
}
