/** A run's folder: its settings, checkpoint, best weights, history and curves, each file replaced as a whole. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  type Callback,
  FileError,
  type History,
  loadTrainingState,
  type Model,
  modelCheckpoint,
  OptionError,
  saveTrainingState,
  summaryText,
  type TrainingState,
  weightSpecs,
  writeFileAtomic,
} from "../index.js";
import { curvesSvg } from "../plots/curves.js";
import { svgToPng } from "../plots/png.js";

/** What decides a run's numbers: a continuation must have the same. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  get checkpoint(): string {
    return this.file("checkpoint.safetensors");
  }

  /** Moves an old run aside, `runs/baseline` to `runs/baseline.1`, and says where to; undefined when there is none. */
  async moveAside(): Promise<string | undefined> {
    if (!existsSync(this.path)) return undefined;
    let number = 1;
    while (existsSync(`${this.path}.${number}`)) number++;
    const target = `${this.path}.${number}`;
    await rename(this.path, target);
    return target;
  }

  /**
   * Takes the folder for this process.
   * @returns a function that gives it back
   * @throws FileError when another living process has it
   */
  async lock(): Promise<() => Promise<void>> {
    const path = this.file("lock");
    await mkdir(this.path, { recursive: true }).catch((cause: Error) => {
      throw new FileError(`the run folder ${this.path} cannot be made: ${cause.message}.`, { cause });
    });
    for (let attempt = 0; ; attempt++) {
      try {
        const file = await open(path, "wx");
        await file.writeFile(String(process.pid));
        await file.close();
        return () => rm(path, { force: true });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
          throw new FileError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
        }
        const owner = Number(await readFile(path, "utf8").catch(() => ""));
        if (alive(owner) || attempt > 0) {
          throw new FileError(
            `the run folder ${this.path} is in use by process ${owner}. Wait for it, or choose another with --run.`,
          );
        }
        await rm(path, { force: true }); // left behind by a process that was killed
      }
    }
  }

  /**
   * The state to go on from, or undefined for a new run.
   * @throws OptionError when the folder holds a run with other settings; FileError when it is damaged
   */
  async resume(settings: RunSettings): Promise<TrainingState | undefined> {
    const path = this.file("run.json");
    if (!existsSync(path) || !existsSync(this.checkpoint)) return undefined;
    const advice = "Choose another folder with --run, or move this one aside with --fresh.";
    let before: RunSettings;
    try {
      before = JSON.parse(readFileSync(path, "utf8")) as RunSettings;
    } catch (cause) {
      throw new FileError(`${path} is damaged: ${(cause as Error).message}. ${advice}`, { cause });
    }
    // What is not set is not there: either side may have what the other lacks.
    for (const name of new Set([...Object.keys(settings), ...Object.keys(before)])) {
      if (before[name] === settings[name] || name === "classes") continue;
      const held = before[name] === undefined ? `no ${name}` : `${name} ${JSON.stringify(before[name])}`;
      const given = settings[name] === undefined ? "none" : JSON.stringify(settings[name]);
      throw new OptionError(`${this.path} holds a run with ${held}; got ${given}. ${advice}`);
    }
    try {
      return (await loadTrainingState(this.checkpoint)).state;
    } catch (cause) {
      if (!(cause instanceof FileError)) throw cause;
      throw new FileError(`${cause.message} ${advice}`, { cause });
    }
  }

  async begin(settings: RunSettings, classes: readonly string[], model: Model): Promise<void> {
    await writeFileAtomic(this.file("run.json"), `${JSON.stringify({ ...settings, classes }, null, 2)}\n`);
    await writeFileAtomic(this.file("summary.txt"), `${summaryText(model)}\n`);
  }

  /** Saves after each epoch. The checkpoint comes last: what it remembers of the others is then true. */
  callbacks(title: string): Callback[] {
    return [
      modelCheckpoint(this.file("best.safetensors"), { saveBestOnly: true, saveWeightsOnly: true }),
      {
        name: "run folder",
        onEpochEnd: async (_epoch, _logs, context) => {
          const state = context.getTrainingState();
          await this.saveHistory(state.history, title);
          await saveTrainingState(this.checkpoint, context.graph, state);
        },
      },
    ];
  }

  /** After an interruption: what is needed to go on. */
  async saveState(model: Model, state: TrainingState): Promise<void> {
    await saveTrainingState(this.checkpoint, model.graph, state);
  }

  async saveHistory(history: History, title: string): Promise<void> {
    await writeFileAtomic(this.file("history.json"), `${JSON.stringify(history, null, 2)}\n`);
    const svg = curvesSvg(history, { title });
    await writeFileAtomic(this.file("curves.svg"), svg);
    await writeFileAtomic(this.file("curves.png"), svgToPng(svg));
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
    );
  }
}

/** The model file that a path means: a run folder's best weights (or its checkpoint), or the file itself. */
export function modelFile(path: string): string {
  if (basename(path).endsWith(".safetensors")) return path;
  const folder = new RunFolder(path);
  const best = folder.file("best.safetensors");
  if (existsSync(best)) return best;
  if (existsSync(folder.checkpoint)) return folder.checkpoint;
  throw new FileError(
    `${path} is no run folder: it has no best.safetensors (looked in ${resolve(path)}). Train one with "cbapd train".`,
  );
}

/** What the classes of a run's model are called; none for a model file that lies alone. */
export function classNames(file: string): readonly string[] {
  const path = join(dirname(file), "run.json");
  if (!existsSync(path)) return [];
  const { classes } = JSON.parse(readFileSync(path, "utf8")) as { classes?: unknown };
  return Array.isArray(classes) ? classes.map(String) : [];
}

function alive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
