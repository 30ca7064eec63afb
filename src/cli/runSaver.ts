/**
 * Saves a run while it trains. The best weights are written first, then history and curves, and the checkpoint last: so at any
 * moment the other files are as new as the checkpoint says, or newer. And because the checkpoint holds all that is in them, a
 * run that goes on first makes them agree with it again.
 */
import {
  type Callback,
  type CallbackContext,
  FileError,
  type FolderLock,
  type Graph,
  LockError,
  type Logs,
  type SaveEvery,
  type TrainingState,
} from "../index.js";
import type { Best, RunFolder } from "./runFolder.js";

/** Under this name the checkpoint keeps the best weights. */
export const SAVER = "run folder";

export interface SaverOptions {
  /** Of the curves. */
  readonly title: string;
  readonly saveEvery: SaveEvery;
  /** A checkpoint is safely on the disk. */
  readonly onSaved: (state: TrainingState) => void;
  /** Something could not be written, and training goes on. */
  readonly warn: (message: string) => void;
}

export class RunSaver implements Callback {
  readonly name = SAVER;
  readonly saveEvery: SaveEvery;
  readonly #folder: RunFolder;
  readonly #lock: Pick<FolderLock, "check">;
  readonly #options: SaverOptions;
  #best: Best | undefined;
  /** What the files hold. */
  #written: { best?: Best; epochs: number; position: string } = { epochs: 0, position: "" };
  /** The save in work; it never rejects. */
  #saving: Promise<void> = Promise.resolve();
  #busy = false;
  #lost: LockError | undefined;

  constructor(folder: RunFolder, lock: Pick<FolderLock, "check">, options: SaverOptions) {
    this.#folder = folder;
    this.#lock = lock;
    this.#options = options;
    this.saveEvery = options.saveEvery;
  }

  getState(): { best: Best | undefined } {
    return { best: this.#best };
  }

  setState(state: unknown): void {
    this.#best = (state as { best?: Best }).best;
  }

  /** Makes the files agree with what is resumed; or writes a first checkpoint, so that a full disk shows before the work. */
  async onTrainBegin(context: CallbackContext): Promise<void> {
    const state = context.getTrainingState();
    if (state.step > 0) {
      const best = this.#best && (await this.#folder.holdsBest(this.#best)) ? this.#best : undefined;
      const { length } = state.history.epochs;
      const drawn = length === 0 || (await this.#folder.holdsHistory(state.history));
      this.#written = { best, epochs: drawn ? length : -1, position: positionOf(state) };
    }
    await this.#write(context.graph, state);
  }

  onEpochEnd(epoch: number, { val_loss: value }: Logs, context: CallbackContext): void {
    if (value === undefined || Number.isNaN(value)) return;
    if (this.#best === undefined || value < this.#best.value) {
      this.#best = { epoch, value, weights: context.getWeights() };
    }
  }

  /** Within an epoch training goes on while the copy is written. */
  async onSave(context: CallbackContext, when: "step" | "epoch"): Promise<void> {
    if (when === "step" && this.#busy) return; // a slow disk: the next time, then
    await this.settle();
    const state = context.getTrainingState();
    this.#busy = true;
    this.#saving = this.#write(context.graph, state)
      .catch((error: Error) => {
        if (error instanceof LockError) this.#lost = error;
        else this.#options.warn(`${error.message} Training goes on, and saving is tried again.`);
      })
      .finally(() => {
        this.#busy = false;
      });
    if (when === "epoch") await this.settle();
  }

  /** Waits for the save in work. @throws LockError when the folder has gone over to another process */
  async settle(): Promise<void> {
    await this.#saving;
    if (this.#lost) throw this.#lost;
  }

  /** Whether everything is in the run's files. */
  isSaved(state: TrainingState): boolean {
    const { best, epochs, position } = this.#written;
    return (
      best === this.#best && epochs === state.history.epochs.length && this.holdsPosition(state, position)
    );
  }

  holdsPosition(state: TrainingState, position = this.#written.position): boolean {
    return position === positionOf(state);
  }

  /** Writes what is not written yet. @throws FileError */
  async finish(graph: Graph, state: TrainingState): Promise<void> {
    await this.settle();
    if (!this.isSaved(state)) await this.#write(graph, state);
  }

  /** Each file is tried even when another fails. @throws FileError the first failure */
  async #write(graph: Graph, state: TrainingState): Promise<void> {
    await this.#lock.check();
    const failures: FileError[] = [];
    const attempt = async (work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        failures.push(error);
      }
    };
    const { best } = state.callbacks[SAVER] as { best: Best | undefined };
    const epochs = state.history.epochs.length;
    if (best !== this.#written.best) {
      await attempt(async () => {
        await this.#folder.saveBest(graph, best!);
        this.#written.best = best;
      });
    }
    if (epochs !== this.#written.epochs) {
      await attempt(async () => {
        await this.#folder.saveHistory(state.history, this.#options.title);
        this.#written.epochs = epochs;
      });
    }
    if (!this.holdsPosition(state)) {
      await attempt(async () => {
        await this.#folder.saveCheckpoint(graph, state);
        this.#written.position = positionOf(state);
        this.#options.onSaved(state);
      });
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Two states of one run with the same position are the same. */
function positionOf({ epoch, stepInEpoch, step }: TrainingState): string {
  return `${epoch} ${stepInEpoch} ${step}`;
}
