/** Each command end to end, as a user's shell runs it, on the data set that needs no network. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const LITTLE = ["--data", "shapes", "--limit", "96", "--limit-test", "40", "--workers", "2"];

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function cbapd(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { ...process.env, NO_COLOR: "1" } },
      (error, stdout, stderr) => {
        resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr });
      },
    );
  });
}

const lastJson = ({ stdout }: Outcome) => JSON.parse(stdout.trim().split("\n").at(-1)!);

/** With a reader of its output that goes away at once. */
function cbapdUnread(...args: string[]): Promise<Omit<Outcome, "stdout">> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.on("close", (code) => resolve({ code: code!, stderr }));
  });
}

describe("when nobody reads what it prints", () => {
  it("help ends in peace, and a training to its end", async () => {
    expect(await cbapdUnread("train", "--help")).toEqual({ code: 0, stderr: "" });
    const run = join(temporaryFolder(), "run");
    const args = ["train", "lenet5", ...LITTLE, "--run", run, "--epochs", "2", "--json"];
    expect(await cbapdUnread(...args)).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(readFileSync(join(run, "history.json"), "utf8")).epochs).toEqual([0, 1]);
  });
});

describe("train", () => {
  it("leaves a run folder with everything in it, and goes on where it stopped", async () => {
    const run = join(temporaryFolder(), "run");
    const args = ["train", "lenet5", ...LITTLE, "--run", run];
    const first = await cbapd(...args, "--epochs", "1");
    expect(first.stderr).toBe("");
    expect(first.code).toBe(0);
    expect(first.stdout).toContain("Total params: 62,006");
    expect(first.stdout).toMatch(
      /Epoch 1\/1 - [\d.]+s - loss: [\d.]+ - accuracy: [\d.]+ - val_loss: [\d.]+ - val_accuracy/,
    );
    for (const file of [
      "checkpoint.safetensors",
      "best.safetensors",
      "history.json",
      "curves.svg",
      "curves.png",
      "summary.txt",
      "weights.txt",
      "run.json",
    ]) {
      expect(existsSync(join(run, file)), file).toBe(true);
    }
    expect(existsSync(join(run, "lock"))).toBe(false);
    expect(readFileSync(join(run, "weights.txt"), "utf8")).toMatch(
      /^conv2d\/kernel \[5, 5, 3, 6\]\n-?[\d.e-]+ /,
    );

    const again = await cbapd(...args, "--epochs", "2", "--json");
    expect(lastJson(again)).toMatchObject({ done: true, epoch: 2, steps: 6 });
    const whole = await cbapd(
      "train",
      "lenet5",
      ...LITTLE,
      "--run",
      `${run}-whole`,
      "--epochs",
      "2",
      "--json",
    );
    expect(lastJson(again).weightsSha256).toBe(lastJson(whole).weightsSha256);

    const done = await cbapd(...args, "--epochs", "2");
    expect(done.code).toBe(0);
    expect(done.stdout).toContain("Resuming");
  });

  it("gives the same weights whatever the number of workers, and after a stop in between", async () => {
    const folder = temporaryFolder();
    const hashes = [];
    for (const workers of ["1", "3"]) {
      const outcome = await cbapd(
        ...["train", "baseline", ...LITTLE, "--workers", workers, "--epochs", "2", "--json"],
        ...["--run", join(folder, workers)],
      );
      hashes.push(lastJson(outcome).weightsSha256);
    }
    const args = [
      "train",
      "baseline",
      ...LITTLE,
      "--epochs",
      "2",
      "--json",
      "--run",
      join(folder, "stopped"),
    ];
    expect(lastJson(await cbapd(...args, "--steps", "2"))).toMatchObject({ interrupted: true, steps: 2 });
    hashes.push(lastJson(await cbapd(...args)).weightsSha256);
    expect(new Set(hashes).size).toBe(1);
  });

  it("finishes its step on Ctrl-C, saves, says how to go on, and then goes on bit for bit", async () => {
    const folder = temporaryFolder();
    const args = ["train", "lenet5", "--data", "shapes", "--limit-test", "20", "--epochs", "12"];
    const stopped = await new Promise<Outcome>((resolve) => {
      const child = spawn(process.execPath, [MAIN, ...args, "--run", join(folder, "a")]);
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (data) => {
        stdout += data;
        if (String(data).includes("Epoch 1/")) child.kill("SIGINT");
      });
      child.stderr.on("data", (data) => {
        stderr += data;
      });
      child.on("close", (code) => resolve({ code: code ?? -1, stdout, stderr }));
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain("Stopping after this step");
    expect(stopped.stdout).toMatch(
      /Stopped after step \d+; everything is saved in .*\nThe same command again goes on/,
    );
    const resumed = await cbapd(...args, "--run", join(folder, "a"), "--json");
    const whole = await cbapd(...args, "--run", join(folder, "b"), "--json");
    expect(lastJson(resumed)).toMatchObject({ done: true, epoch: 12 });
    expect(lastJson(resumed).weightsSha256).toBe(lastJson(whole).weightsSha256);
  });

  it("moves the old run aside with --fresh, and refuses another network's folder", async () => {
    const run = join(temporaryFolder(), "run");
    await cbapd("train", "lenet5", ...LITTLE, "--run", run, "--epochs", "1");
    const other = await cbapd("train", "baseline", ...LITTLE, "--run", run, "--epochs", "1");
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      /^error: .* holds a run with network "lenet5"; got "baseline"\. Choose another folder/,
    );
    expect(other.stderr.trim().split("\n")).toHaveLength(1);
    const fresh = await cbapd("train", "baseline", ...LITTLE, "--run", run, "--epochs", "1", "--fresh");
    expect(fresh.code).toBe(0);
    expect(fresh.stdout).toContain(`${run}.1`);
    expect(existsSync(`${run}.1/best.safetensors`)).toBe(true);
  });

  it("learns as its options say, and goes on with the same ones only", async () => {
    const folder = temporaryFolder();
    const args = ["train", "lenet5", ...LITTLE, "--epochs", "2", "--json"];
    const learning = [
      ...["--optimizer", "adamw", "--exclude-from-weight-decay", "bias", "--global-clip-norm", "1", "--ema"],
      ...["--schedule", "one-cycle", "--label-smoothing", "0.1", "--mixup"],
    ];
    const whole = await cbapd(
      ...args,
      ...learning,
      "--augment",
      "flip,crop:4",
      "--run",
      join(folder, "whole"),
    );
    expect(whole.stderr).toBe("");
    const run = ["--run", join(folder, "stopped")];
    await cbapd(...args, ...learning, "--augment", "crop:4,flip", ...run, "--steps", "4");
    const other = await cbapd(...args, ...learning, ...run);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/holds a run with augment "crop:4,flip"; got none\. Choose another/);
    // The same settings in another order.
    const resumed = await cbapd(...args, ...learning, "--augment", "flip,crop", ...run);
    expect(lastJson(resumed).weightsSha256).toBe(lastJson(whole).weightsSha256);
    const evaluated = await cbapd("evaluate", join(folder, "whole"), ...LITTLE, "--json");
    const { history } = lastJson(whole);
    // The best weights are the averaged ones, which were validated; label smoothing is in the loss alone.
    expect(JSON.parse(evaluated.stdout).accuracy).toBe(
      history.val_accuracy[history.val_loss.indexOf(Math.min(...history.val_loss))],
    );
  });

  it("says that a checkpoint is damaged, and keeps it", async () => {
    const run = join(temporaryFolder(), "run");
    await cbapd("train", "lenet5", ...LITTLE, "--run", run, "--epochs", "1");
    const path = join(run, "checkpoint.safetensors");
    const cut = readFileSync(path).subarray(0, 5000);
    writeFileSync(path, cut);
    const outcome = await cbapd("train", "lenet5", ...LITTLE, "--run", run, "--epochs", "2");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/checkpoint\.safetensors is damaged.*--fresh/);
    expect(readFileSync(path)).toEqual(cut);
  });

  it("says what cannot be written, and leaves what was there", async () => {
    const run = join(temporaryFolder(), "run");
    mkdirSync(join(run, "history.json"), { recursive: true });
    const outcome = await cbapd("train", "lenet5", ...LITTLE, "--run", run, "--epochs", "1");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(
      /^warning: .*history\.json cannot be written: .* Training goes on, and saving is tried again\.\nerror: .*history\.json cannot be written: .* unchanged\.\n$/,
    );
    expect(existsSync(join(run, "checkpoint.safetensors"))).toBe(true);
  });
});

describe("evaluate, predict, summary", () => {
  it("work on a run folder", async () => {
    const run = join(temporaryFolder(), "run");
    const trained = lastJson(
      await cbapd("train", "lenet5", ...LITTLE, "--run", run, "--epochs", "1", "--json"),
    );
    const { stdout } = await cbapd("evaluate", run, ...LITTLE, "--json");
    const measured = JSON.parse(stdout);
    expect(measured.loss).toBe(trained.history.val_loss[0]);
    expect(measured.accuracy).toBe(trained.history.val_accuracy[0]);
    expect(measured.topKCategoricalAccuracy).toBeGreaterThanOrEqual(measured.accuracy);

    const prediction = await cbapd("predict", run, "--data", "shapes", "--index", "3", "--json");
    const [{ top }] = JSON.parse(prediction.stdout).predictions;
    expect(top).toHaveLength(5);
    expect(top[0].probability).toBeGreaterThanOrEqual(top[4].probability);
    expect((await cbapd("predict", run, "--data", "shapes", "--index", "3")).stdout).toContain(top[0].name);

    const summary = JSON.parse((await cbapd("summary", run, "--json")).stdout);
    expect(summary.totalParameters).toBe(62_006);
  });

  it("summary --json has the totals", async () => {
    const { stdout } = await cbapd("summary", "resnet18", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      totalParameters: 11_183_562,
      trainableParameters: 11_173_962,
      nonTrainableParameters: 9_600,
    });
  });
});

describe("misuse gets one line and exit code 2", () => {
  it.each([
    [["train", "lenet6"], 'unknown network "lenet6". Did you mean "lenet5"?'],
    [["summary", "resnet"], 'unknown network "resnet". Did you mean "resnet18"?'],
    [["train", "lenet5", "--data", "shape"], 'unknown dataset "shape". Did you mean "shapes"?'],
    [["train", "lenet5", "--epochs", "0"], '--epochs must be a whole number from 1 on; got "0".'],
    [["train", "lenet5", "--learning-rate", "-1"], '--learning-rate must be a positive number; got "-1".'],
    [["train", "lenet5", "--optimizer", "adm"], '--optimizer: unknown value "adm". Did you mean "adam"?'],
    [
      ["train", "lenet5", "--augment", "cutout:99", "--data", "shapes"],
      "augment: cutout must be at most 32; got 99 (images [32, 32, 3]).",
    ],
    [
      ["train", "lenet5", "--statistics", "moving"],
      '--statistics moving is for inception10; got network "lenet5".',
    ],
    [["predict", "runs/none"], "name at least one image file"],
    [["train", "lenet5", "--epoch", "3"], "unknown option '--epoch'"],
    [["trian", "lenet5"], "unknown command 'trian'"],
    [["train"], "missing required argument 'network'"],
  ])("%j", async (args, message) => {
    const outcome = await cbapd(...args);
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toBe("");
  });

  it("a missing run is a failure", async () => {
    const outcome = await cbapd("evaluate", "runs/none-such", "--data", "shapes");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/^error: runs\/none-such is no run folder/);
  });

  it("the stack trace shows with --verbose only", async () => {
    const args = ["train", "lenet5", "--data", "none"];
    expect((await cbapd(...args)).stderr).not.toContain("    at ");
    expect((await cbapd(...args, "--verbose")).stderr).toContain("    at ");
  });
});

describe("help", () => {
  it.each([[], ["train"], ["evaluate"], ["predict"], ["summary"], ["data"]].map((args) => [args]))(
    "%j has an example",
    async (args) => {
      const outcome = await cbapd(...args, "--help");
      expect(outcome.code).toBe(0);
      expect(outcome.stdout).toContain("Example:\n  $ cbapd ");
    },
  );
});
