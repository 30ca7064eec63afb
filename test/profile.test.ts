/** Profiles: their parts add up, their trace is well formed, and clocks change no number. */
import { beforeAll, describe, expect, it } from "vitest";
import { wasmBackend } from "../src/backend/wasm/backend.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { type Profile, profileStep } from "../src/bench/profile.js";
import { madeUpData, openStepSession } from "../src/bench/stepSession.js";
import { chromeTrace, type TraceEvent } from "../src/bench/trace.js";
import { lenet5, NETWORK_NAMES, NETWORKS } from "../src/models/networks.js";
import { summaryData } from "../src/models/summary.js";
import { weightsSha256 } from "../src/train/checkpoint.js";
import { adam } from "../src/train/optimizers.js";
import { layOut } from "../src/train/regions.js";
import { recordTraining } from "../src/train/step.js";
import { createTimeline, readStep, type Timeline } from "../src/workers/timeline.js";

const SETTINGS = { network: "lenet5", workers: 2, batchSize: 4, mode: "training" } as const;
const STEPS = 6;

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

describe("a profile", () => {
  let profile: Profile;
  beforeAll(async () => {
    profile = await profileStep(SETTINGS, { steps: STEPS, warmUpMs: 0 });
  });

  it("adds up to the step, whichever way it is cut", () => {
    for (const parts of [profile.layers, profile.kernels, profile.phases]) {
      expect(total(parts.map(({ ms }) => ms))).toBeCloseTo(profile.kernelMs, 9);
      expect(total(parts.map(({ share }) => share))).toBeCloseTo(profile.kernelShare, 9);
      expect(total(parts.map(({ bytes }) => bytes))).toBe(total(profile.layers.map(({ bytes }) => bytes)));
    }
    expect(profile.kernelMs + profile.waitMs + profile.loopMs).toBeCloseTo(profile.stepMs, 9);
    expect(profile.kernelShare + profile.waitShare + profile.loopShare).toBeCloseTo(1, 9);
    expect(profile.meetingMs).toBeGreaterThan(0);
    expect(profile.meetingMs).toBeLessThanOrEqual(profile.waitMs);
  });

  it("counts the direct operations: forward, and twice as many backward but for the first layer's dX", () => {
    const macs = summaryData(lenet5()).layers.map((layer) => layer.macs);
    const first = macs.find((count) => count > 0)!;
    expect(total(profile.layers.map(({ flops }) => flops))).toBe(2 * 4 * (3 * total(macs) - first));
    for (const { flops, ms, gflops } of profile.layers) expect(gflops * ms * 1e6).toBeCloseTo(flops, -2);
  });

  it("names layers and phases in the order of the step", () => {
    const rows = profile.layers.map(({ layer, phase }) => `${layer} ${phase}`.trim());
    expect(rows[0]).toBe("batch");
    expect(rows.at(-1)).toBe("update");
    expect(rows.indexOf("conv2d forward")).toBeLessThan(rows.indexOf("loss"));
    expect(rows.indexOf("loss")).toBeLessThan(rows.indexOf("dense_2 backward"));
    expect(rows.indexOf("dense_2 backward")).toBeLessThan(rows.indexOf("conv2d backward"));
    expect(profile.phases.map(({ pass }) => pass)).toEqual(
      expect.arrayContaining(["dX", "dKernel", "update"]),
    );
  });

  it("makes a trace with a track a worker: steps in order, in them calls one after another", () => {
    const { traceEvents } = chromeTrace(profile);
    const parsed = JSON.parse(JSON.stringify(traceEvents)) as TraceEvent[];
    const tracks = parsed.filter(({ name, ph }) => ph === "M" && name === "thread_name");
    expect(tracks.map(({ args }) => args?.name)).toEqual(["worker 0", "worker 1"]);
    for (const worker of [0, 1]) {
      const events = parsed.filter(({ ph, tid }) => ph === "X" && tid === worker);
      const steps = events.filter(({ cat }) => cat === "step");
      expect(steps.map(({ name }) => name)).toEqual([0, 1, 2, 3, 4].map((i) => `step ${i}`));
      expect(events.some(({ cat }) => cat === "wait")).toBe(true);
      let end = 0;
      for (const { cat, ts, dur } of events) {
        const at = ts!;
        if (cat === "step") {
          expect(at).toBeGreaterThanOrEqual(end - 1e-6);
          end = at;
          continue;
        }
        const outer = steps.find((step) => step.ts! <= at + 1e-6 && at + dur! <= step.ts! + step.dur! + 1e-6);
        expect(outer, `an event at ${at} lies in a step`).toBeDefined();
        expect(at).toBeGreaterThanOrEqual(end - 1e-6);
        end = at + dur!;
      }
    }
  });
});

it("one worker waits for nobody", async () => {
  const profile = await profileStep({ ...SETTINGS, workers: 1 }, { steps: 2, warmUpMs: 0 });
  expect([profile.barriers, profile.waitMs, profile.meetingMs]).toEqual([0, 0, 0]);
  const { traceEvents } = chromeTrace(profile);
  expect(traceEvents.filter(({ cat }) => cat === "wait")).toEqual([]);
  expect(traceEvents.some(({ cat }) => cat === "kernel")).toBe(true);
});

it("clocks change no bit", async () => {
  const train = async (watched: boolean) => {
    let timeline: Timeline | undefined;
    const watch = watched
      ? (programs: {
          training?: { calls: readonly unknown[] };
          gradients?: { calls: readonly unknown[] };
        }) => {
          const calls = Math.max(...Object.values(programs).map((program) => program.calls.length));
          timeline = createTimeline(2, 2, calls);
          return timeline;
        }
      : undefined;
    const session = await openStepSession(SETTINGS, watch);
    try {
      await session.run(3);
      return { sha256: weightsSha256(session.session.readWeights()), timeline };
    } finally {
      await session.close();
    }
  };
  const [timed, plain] = [await train(true), await train(false)];
  expect(timed.sha256).toBe(plain.sha256);
  // Of three steps the last two are there, one after the other.
  const [second, third] = [1, 2].map((step) => readStep(timed.timeline!, 0, step, 1));
  expect(second.began).toBeGreaterThan(0);
  expect(second.met).toBeLessThanOrEqual(third.began);
});

it.each(NETWORK_NAMES)("counts every product of %s once, whichever algorithm computes it", (name) => {
  const graph = NETWORKS[name]();
  const loss = { name: "sparseCategoricalCrossentropy", fromLogits: false } as const;
  const regions = layOut(graph, adam(), 3, madeUpData(3, 3072), undefined);
  const { instructions } = recordTraining({ graph, loss, optimizer: adam() }, regions, 3);
  const macs = summaryData(graph).layers.filter(({ type }) => type === "Conv2D" || type === "Dense");
  const [first] = macs;
  const forward = total(macs.map((layer) => layer.macs));
  expect(total(instructions.map(({ work }) => work?.flops ?? 0))).toBe(2 * 3 * (3 * forward - first.macs));
  // What multiplies carries them, not what adds up after it.
  const ofRows = instructions.filter(({ kernel }) => kernel.startsWith("winogradRows"));
  expect(ofRows.length).toBeGreaterThan(0);
  for (const { kernel, work } of ofRows)
    expect(work?.flops === 0, kernel).toBe(kernel === "winogradRowsKernelGradient");
});

it("marks which instructions compute which gradient, and counts each pass once", () => {
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const x = recorder.tensor([2, 8, 8, 16]);
  const kernel = recorder.tensor([3, 3, 16, 24]);
  const window = { kernel: [3, 3], strides: [1, 1], padding: "same" } as const;
  const y = backend.conv2d(x, kernel, recorder.tensor([24]), window);
  const forward = recorder.instructions.length;
  backend.conv2dGradients(x, kernel, recorder.tensor(y.shape), window, { dX: true, dBias: true });
  const flops = 2 * 2 * 8 * 8 * 9 * 16 * 24;
  const counted = (from: number, to: number, pass: string) =>
    total(recorder.instructions.slice(from, to).map(({ work }) => (work?.pass === pass ? work.flops : 0)));
  expect(recorder.instructions.every(({ work }) => work !== undefined)).toBe(true);
  expect(counted(0, forward, "forward")).toBe(flops);
  expect(counted(forward, Number.POSITIVE_INFINITY, "dX")).toBe(flops);
  expect(counted(forward, Number.POSITIVE_INFINITY, "dKernel")).toBe(flops);
  const passes = recorder.instructions.slice(forward).map(({ work }) => work!.pass);
  expect([...new Set(passes)]).toEqual(["dX", "dKernel", "dBias"]);
});
