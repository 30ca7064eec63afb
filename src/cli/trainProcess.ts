/** `cbapd train` as a process of its own: for commands that are made of train commands. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("main.js", import.meta.url));

export interface TrainProcess {
  /** 130 or 143 after an interruption. */
  readonly exitCode: number;
  /** What it wrote to stderr, when that was not passed on. */
  readonly stderr: string;
}

/**
 * Runs one, and waits for it. Ctrl-C is for the child, which saves and ends by itself; this process lives as long.
 * @param onLine given stdout line by line; without it stdout and stderr are the child's
 */
export async function runTrainProcess(
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<TrainProcess> {
  const child = spawn(process.execPath, [...process.execArgv, MAIN, "train", ...args], {
    stdio: onLine ? ["ignore", "pipe", "pipe"] : "inherit",
  });
  const interactive = process.stdin.isTTY ?? false;
  // A terminal sends Ctrl-C to all of its processes; anybody else may mean this one alone.
  const forward = (signal: NodeJS.Signals) => {
    if (!(interactive && signal === "SIGINT")) child.kill(signal);
  };
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  let stderr = "";
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  if (onLine && child.stdout) createInterface({ input: child.stdout }).on("line", onLine);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
    });
    return { exitCode, stderr };
  } finally {
    process.off("SIGINT", forward);
    process.off("SIGTERM", forward);
  }
}
