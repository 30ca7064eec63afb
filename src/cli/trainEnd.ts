/** The end of `cbapd train`: everything is saved, told and shown. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import {
  CbapdError,
  type Dataset,
  FileError,
  type FitResult,
  type Model,
  summaryData,
  type TrainingState,
  weightsSha256,
} from "../index.js";
import type { RunFolder } from "./runFolder.js";
import type { RunSaver } from "./runSaver.js";
import { commandLine, environment, saveResult } from "./runWatch.js";

export interface EndOptions {
  readonly workers: number;
  readonly report: boolean;
  readonly json?: boolean;
}

/** Whatever is not in the files yet. @throws FileError that says where the state is, and how to go on */
export async function saveRest(
  folder: RunFolder,
  saver: RunSaver,
  model: Model,
  state: TrainingState,
  rescue: (state: TrainingState) => Promise<string>,
): Promise<void> {
  try {
    await saver.finish(model.graph, state);
  } catch (error) {
    if (!(error instanceof FileError) || saver.holdsPosition(state)) throw error;
    const elsewhere = await rescue(state).catch((cause: Error) => {
      const lost = `What came after the last save is lost (${cause.message})`;
      const advice = `copy ${folder.path} to where there is room, and go on there with --run`;
      throw new FileError(`${error.message} ${lost}; ${advice}.`, { cause });
    });
    throw new FileError(
      `${error.message} Step ${state.step} is saved in ${elsewhere} instead: go on there with --run ${elsewhere}.`,
      { cause: error },
    );
  }
}

/**
 * What the run came to, and its page, unless the folder tells already: a run that was killed before it could tell does when the same
 * command comes again. Neither decides whether it has been trained.
 */
export async function conclude(
  folder: RunFolder,
  model: Model,
  { interrupted, state }: FitResult,
  { workers, report }: EndOptions,
  test: Dataset,
  warn: (message: string) => void,
): Promise<void> {
  const page = report && !interrupted ? folder.file("report.html") : undefined;
  try {
    const { readResult } = await import("./runRecord.js");
    const told = readResult(folder.path);
    const current = told?.done === !interrupted && told.epoch === state.epoch && told.steps === state.step;
    if (current && (page === undefined || existsSync(page))) return;
    // From here to its writing there is no page, rather than one of an earlier end.
    if (page !== undefined) await rm(page, { force: true });
    await saveResult(folder.path, {
      done: !interrupted,
      epoch: state.epoch,
      steps: state.step,
      weightsSha256: weightsSha256(model.getWeights()),
      command: commandLine(),
      environment: environment(workers),
    });
    if (page === undefined) return;
    const { writeReport } = await import("./report.js");
    await writeReport(folder.path, async () => ({ test, workers }));
  } catch (error) {
    if (!(error instanceof CbapdError)) throw error;
    warn(error.message);
  }
}

/** The last words. */
export function finish(
  folder: RunFolder,
  model: Model,
  result: FitResult,
  options: EndOptions,
  say: (line: string) => void,
): void {
  const { interrupted, state, history } = result;
  if (interrupted) {
    say(`\nStopped after step ${state.step}; everything is saved in ${folder.path}.`);
    say("The same command again goes on from there, bit for bit.");
  } else {
    const page = options.report ? `   report: ${folder.file("report.html")}` : "";
    if (history.epochs.length > 0) {
      say(`\nCurves: ${folder.file("curves.png")}   best weights: ${folder.file("best.safetensors")}${page}`);
    }
  }
  if (!options.json) return;
  const last = {
    done: !interrupted,
    interrupted,
    run: folder.path,
    epoch: state.epoch,
    steps: state.step,
    ...summaryCounts(model),
    history: history.logs,
    weightsSha256: weightsSha256(model.getWeights()),
  };
  process.stdout.write(`${JSON.stringify(last)}\n`);
}

function summaryCounts(model: Model) {
  const { totalParameters, trainableParameters } = summaryData(model);
  return { totalParameters, trainableParameters };
}
