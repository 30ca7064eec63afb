/** Runs memoryChild.js. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface MemoryRun {
  readonly grownMB: number;
  /** Threads of the process, after the warm-up and at the end. */
  readonly threads: readonly [number, number];
  readonly rssMB: number;
}

export async function memoryRun(mode: "steps" | "models", count: number): Promise<MemoryRun> {
  const script = fileURLToPath(new URL("memoryChild.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    "--max-semi-space-size=1", // else V8 takes 16 MB more for new objects, some day
    script,
    mode,
    String(count),
  ]);
  return JSON.parse(stdout) as MemoryRun;
}
