/** A worker that dies, or gets stuck: an error that says where, never a hang; and all is well afterwards. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  adam,
  datasets,
  loadTrainingState,
  type Model,
  modelCheckpoint,
  models,
  WorkerError,
  weightsSha256,
} from "../src/index.js";
import { CAUSES, type Fault, faultyGang, runningWorkers } from "./support/faults.js";
import { temporaryFolder } from "./support/temporary.js";

/** Set: the next gangs break. */
let fault: Fault | undefined;
vi.mock("../src/workers/node-gang.js", async (original) => {
  const module = await original<typeof import("../src/workers/node-gang.js")>();
  const nodeGang: typeof module.nodeGang = (setup, filename) =>
    fault && !filename ? faultyGang(fault)(setup) : module.nodeGang(setup, filename);
  return { ...module, nodeGang };
});

beforeEach(() => {
  fault = undefined;
});

const PLACES: readonly (readonly [string, RegExp])[] = [
  ["batch", /(in|failed:) batch \(gather/],
  ["conv2d_1 forward", /(in|failed:) conv2d_1 forward \(/],
  ["loss", /(in|failed:) loss \(/],
  ["dense_1 backward", /(in|failed:) dense_1 backward \(/],
  ["update", /(in|failed:) update \(adamUpdate\)/],
  ["barrier", /at the barrier before |at the end of a step|thrown by the test/],
];

const REASONS: Readonly<Record<(typeof CAUSES)[number], RegExp>> = {
  exit: /^worker 0 ended .*, with exit code 3\.$/,
  throw: /^worker 0 failed.*thrown by the test$/,
  // While its heap is full it does nothing but collect garbage: whichever is seen first.
  memory: /^worker 0 (failed .*memory limit|is stuck )/,
  terminated: /^worker 0 ended .*, with exit code 1\.$/,
  endless: /^worker 0 is stuck .*: it computes and does not come to an end\.$/,
};

const { train } = await datasets.loadDataset("shapes");
const data = datasets.limit(train, 48);
const options = { batchSize: 8, workers: 2, seed: 1 };

function lenet5(): Model {
  return models.lenet5().compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
}

describe.each(PLACES)("a worker in %s", (place, where) => {
  it.each(CAUSES)("%s", async (cause) => {
    fault = { cause, place, thread: 0, step: 3 };
    const net = lenet5();
    const failure = await net.fit(data, options).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(failure).toBeInstanceOf(WorkerError);
    expect(failure!.message).toMatch(REASONS[cause]);
    expect(failure!.message).toMatch(where);
    expect(runningWorkers()).toBe(0); // the others have left their barrier too
  });
});

it("a number gone bad has the same name for any number of threads", async () => {
  const errors = [];
  for (const workers of [1, 2, 3]) {
    fault = { cause: "number", place: "conv2d_1 backward", thread: 0, step: 4, value: Number.NaN };
    errors.push(
      await lenet5()
        .fit(data, { ...options, workers })
        .then(String, String),
    );
  }
  expect(errors[0]).toMatch(
    /^NumberError: conv2d_1: .* must be finite; got NaN at \[.*1\] \(backward, step 5 of epoch 1\)/,
  );
  expect(new Set(errors).size).toBe(1);
});

describe("after a worker's end", () => {
  it("the next fit works, and the checkpoint stands", async () => {
    const path = join(temporaryFolder(), "state.safetensors");
    const whole = lenet5();
    await whole.fit(data, { ...options, epochs: 3 });

    // Six steps an epoch: it breaks in the third.
    fault = { cause: "exit", place: "update", thread: 1, step: 15 };
    const net = lenet5();
    const callbacks = [modelCheckpoint(path)];
    await expect(net.fit(data, { ...options, epochs: 3, callbacks })).rejects.toThrow(
      /worker 1 ended in update/,
    );
    const { state } = await loadTrainingState(path);
    expect(state.step).toBe(12);
    // What the model has is whole: the state of the last copy, here the beginning of the epoch.
    expect(weightsSha256(net.getWeights())).toBe(weightsSha256(state.weights));

    fault = undefined;
    await net.fit(data, { ...options, epochs: 3, resume: state });
    expect(weightsSha256(net.getWeights())).toBe(weightsSha256(whole.getWeights()));
  });

  it("evaluate and predict fail alike", async () => {
    const net = lenet5();
    fault = { cause: "exit", place: "dense forward", thread: 1, step: 0 };
    await expect(net.evaluate(data, options)).rejects.toThrow(/worker 1 ended in dense forward \(/);
    await expect(net.predict(data, options)).rejects.toThrow(/worker 1 ended in dense forward \(/);
  });
});

it("Ctrl-C twice ends the command at once; the checkpoint stands", async () => {
  const run = join(temporaryFolder(), "run");
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  // An epoch is one step, which takes long enough to be interrupted in.
  const settings = "--width 0.25 --data shapes --limit 128 --limit-test 10 --batch-size 128".split(" ");
  const command = (epochs: string) => [main, "train", "vgg16", ...settings, "--run", run, "--epochs", epochs];
  const first = spawn(process.execPath, command("1"), { stdio: "ignore" });
  expect((await once(first, "close"))[0]).toBe(0);

  const second = spawn(process.execPath, command("1000"));
  let output = "";
  second.stdout.on("data", (text) => {
    output += text;
    if (String(text).includes("Resuming")) setTimeout(() => second.kill("SIGINT"), 300);
  });
  second.stderr.on("data", (text) => {
    if (String(text).includes("Stopping after this step")) second.kill("SIGINT");
  });
  const [code] = await once(second, "close");
  expect(code).toBe(130);
  expect(output).not.toContain("Stopped after step"); // it did not wait for the step
  const { state } = await loadTrainingState(join(run, "checkpoint.safetensors"));
  expect(state.epoch).toBeGreaterThanOrEqual(1);
  expect(state.step).toBe(state.epoch); // that of an epoch's end
});

describe("nothing keeps the process alive", () => {
  const script = (body: string) => `
    import { adam, datasets, models } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
    const { train } = await datasets.loadDataset("shapes");
    const data = datasets.limit(train, 64);
    const net = models.lenet5().compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
    ${body}
    console.log("end of the program");`;

  it.each([
    [
      "after fit and evaluate",
      "await net.fit(data, { workers: 2 }); await net.evaluate(data, { workers: 2 });",
    ],
    [
      "after a callback that throws",
      "await net.fit(data, { workers: 2, callbacks: [{ onEpochEnd() { throw new Error(); } }] }).catch(() => {});",
    ],
  ])("%s", async (_, body) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script(body)]);
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
    const [code, signal] = await once(child, "close");
    clearTimeout(timer);
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: "end of the program\n" });
  });
});
