/** Runs test/hostile/fuzz.js in a process of its own, with a small heap, so that a crash or a hang is seen and harms nobody. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../hostile/fuzz.js", import.meta.url));
const HEAP_MB = 512;

export interface FuzzReport {
  readonly total: number;
  /** How many cases of each kind. */
  readonly ran: Readonly<Record<string, number>>;
  readonly accepted: number;
  /** How often each code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly worst: { readonly ms: number; readonly bytes: number };
  readonly maxRssBytes: number;
}

/** @throws Error with what the script said when it found something, crashed, or was not done in time */
export function fuzz(cases: number, seed: number, minutes: number): FuzzReport {
  return JSON.parse(run([String(cases), String(seed)], minutes * 60)) as FuzzReport;
}

/** The same with one reader that is broken on purpose in the way `name` says. @throws Error, as `fuzz` */
export function fuzzPlanted(name: string, seconds: number): void {
  run(["planted", name], seconds);
}

function run(given: readonly string[], seconds: number): string {
  const flags = [`--max-old-space-size=${HEAP_MB}`, SCRIPT, ...given];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, flags, {
    encoding: "utf8",
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 24,
  });
  if (status === 0) return stdout;
  throw new Error(
    `fuzz.js ${given.join(" ")}: exit code ${status}, signal ${signal}\n${stderr.slice(0, 8000)}`,
  );
}
