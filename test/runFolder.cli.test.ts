/** What `cbapd train` says and does when a folder is taken, a disk fails, or an older version began the run. */
import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadTrainingState } from "../src/train/checkpoint.js";
import { expectClose } from "./support/close.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const VERSION_1 = join(import.meta.dirname, "fixtures/run-v1");
/** What the run of the first version was begun with. */
const LITTLE = ["lenet5", "--width", "0.1", "--data", "shapes", "--limit", "64", "--limit-test", "16"];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param watch is told each line of stdout, and may meddle; its result's `kill` ends the process */
function train(args: string[], watch?: (line: string, kill: () => void) => void): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, "train", ...LITTLE, "--workers", "1", "--json", ...args]);
    let stdout = "";
    let stderr = "";
    let rest = "";
    child.stdout.on("data", (data) => {
      stdout += data;
      const lines = (rest + data).split("\n");
      rest = lines.pop()!;
      for (const line of lines) watch?.(line, () => void child.kill("SIGKILL"));
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The same run without an interruption, of four epochs. */
let whole: Outcome;

beforeAll(async () => {
  whole = await train(["--run", join(temporaryFolder(), "whole"), "--epochs", "4"]);
});

const lastOf = ({ stdout }: Outcome) => JSON.parse(stdout.trim().split("\n").at(-1)!);

it("a second train says who has the folder, --fresh moves nothing away from a living run, and both end with 1", async () => {
  const run = join(temporaryFolder(), "run");
  const others: Promise<Outcome>[] = [];
  let pid = "";
  let end = () => {};
  const first = train(["--run", run, "--epochs", "100000"], (_line, kill) => {
    if (others.length > 0) return;
    pid = /^\d+/.exec(readdirSync(join(run, "lock"))[0])![0];
    others.push(train(["--run", run]), train(["--run", run, "--fresh"]));
    end = kill;
  });
  while (others.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const { code, stderr, stdout } of await Promise.all(others)) {
    expect(stderr).toMatch(
      new RegExp(
        `^error: the run folder .* is in use by process ${pid} on .*, since .* another folder with --run\\.\\n$`,
      ),
    );
    expect(code).toBe(1);
    expect(stdout).toBe("");
  }
  expect(existsSync(`${run}.1`)).toBe(false);
  end();
  await first;
  expect(readdirSync(run)).toContain("lock");
  // The dead owner's lock is taken over; another process may have the pid by then.
  const { epoch } = (await loadTrainingState(join(run, "checkpoint.safetensors"))).state;
  const next = await train(["--run", run, "--epochs", String(epoch + 1)]);
  expect(next).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(run)).not.toContain("lock");
});

it("when the last save fails, the run is kept elsewhere, and goes on there with --run", async () => {
  const run = join(temporaryFolder(), "run");
  const checkpoint = join(run, "checkpoint.safetensors");
  const held = `${checkpoint}.held`;
  // A folder in the checkpoint's place: no rename can replace it.
  const spoil = () => {
    if (existsSync(held)) return;
    renameSync(checkpoint, held);
    mkdirSync(join(checkpoint, "full"), { recursive: true });
  };
  const failed = await train(["--run", run, "--epochs", "2"], spoil);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /^warning: .*checkpoint\.safetensors cannot be written: .* Training goes on, and saving is tried again\./,
  );
  const [, steps, elsewhere] =
    /\nerror: .*checkpoint\.safetensors cannot be written: .* unchanged\. Step (\d+) is saved in (\S+) instead: go on there with --run \2\.\n$/.exec(
      failed.stderr,
    )!;
  expect(steps).toBe("4");
  expect((await loadTrainingState(held)).state.step).toBeLessThan(4);
  try {
    const continued = await train(["--run", elsewhere, "--epochs", "4"]);
    expect(continued).toMatchObject({ code: 0, stderr: "" });
    expect(lastOf(continued).weightsSha256).toBe(lastOf(whole).weightsSha256);
    expect(lastOf(continued).history).toEqual(lastOf(whole).history);
    expect(readdirSync(elsewhere)).toContain("best.safetensors");
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

it("a disk that is full from the start is an error before the work", async () => {
  const folder = temporaryFolder();
  const run = join(folder, "run");
  mkdirSync(join(run, "checkpoint.safetensors.gone"), { recursive: true });
  // No file may be larger than 4 KiB: a real limit of the system's.
  const limited = `ulimit -f 4; exec "$@"`;
  const args = ["-c", limited, "bash", process.execPath, MAIN, "train", ...LITTLE, "--run", run];
  const { code, stderr, stdout } = await new Promise<Outcome>((resolve) => {
    execFile("bash", args, (error, out, err) =>
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout: out, stderr: err }),
    );
  });
  expect(stderr).toMatch(
    /^error: .*checkpoint\.safetensors cannot be written: the file would be larger than the system allows\./,
  );
  expect(code).toBe(1);
  expect(stdout).not.toContain("Epoch 1");
  expect(readdirSync(run).sort()).toEqual(["checkpoint.safetensors.gone", "run.json", "summary.txt"]);
});

describe("a run of the first version", () => {
  it("goes on, the same way each time, and remembers its best weights", async () => {
    const goOn = async (...more: string[]) => {
      const run = join(temporaryFolder(), "run");
      cpSync(VERSION_1, run, { recursive: true });
      writeFileSync(join(run, "lock"), "4194999"); // as that version wrote it; no process has this number
      const continued = await train(["--run", run, "--epochs", "4", ...more]);
      expect(continued).toMatchObject({ code: 0, stderr: "" });
      return { last: lastOf(continued), best: readFileSync(join(run, "best.safetensors")) };
    };
    const [once, again] = [await goOn(), await goOn("--workers", "3")];
    expect(again.last.weightsSha256).toBe(once.last.weightsSha256);
    expect(again.best).toEqual(once.best);
    // That version's kernels added in another order, so its first epochs are not today's to the bit.
    for (const [name, values] of Object.entries<number[]>(lastOf(whole).history)) {
      expectClose(once.last.history[name], values, { rtol: 1e-3 }, name);
    }
  });
});

it("--save-every takes a time or whole steps", async () => {
  const { code, stderr } = await train(["--save-every", "1.5steps"]);
  expect(stderr).toBe(
    'error: --save-every must be a time or a number of steps, as 30s, 5m or 500steps; got "1.5steps".\n',
  );
  expect(code).toBe(2);
});
