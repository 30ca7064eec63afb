/** `--log csv,jsonl,tensorboard`: what `train` writes down beside its run's own files. */
import { type Callback, csvLogger, jsonLogger, OptionError, tensorBoard, unknownName } from "../index.js";
import type { RunFolder } from "./runFolder.js";

const LOGS = ["csv", "jsonl", "tensorboard"] as const;
export type LogName = (typeof LOGS)[number];

/** A parser for commander. @throws OptionError naming the nearest log */
export function parseLogs(text: string): LogName[] {
  return text.split(",").map((part) => {
    const found = LOGS.find((name) => name === part.trim());
    if (!found) throw new OptionError(`--log: ${unknownName("log", part.trim(), LOGS)}`);
    return found;
  });
}

/** @param epochs  that the run has already: its files are appended to */
export function loggers(names: readonly LogName[], folder: RunFolder, epochs: number): Callback[] {
  const made: Record<LogName, () => Callback> = {
    csv: () => csvLogger(folder.file("log.csv"), { append: epochs > 0 }),
    jsonl: () => jsonLogger(folder.file("log.jsonl")),
    tensorboard: () => tensorBoard(folder.file("tensorboard")),
  };
  return [...new Set(names)].map((name) => made[name]());
}
