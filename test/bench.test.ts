/** Benchmarks end to end, small: their structure, and that nothing wrong is timed. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { checkProbabilities } from "../src/bench/contest.js";
import { benchKernels } from "../src/bench/kernels.js";
import { spread } from "../src/bench/statistics.js";
import { openStepSession } from "../src/bench/stepSession.js";
import { fastCoreAvailable, weightsSha256 } from "../src/index.js";
import { wasmEngine } from "../src/verify/engine.js";
import { Machine } from "../src/verify/machine.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");

function cbapd(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr });
    });
  });
}

const SMALL = { networks: ["lenet5"], filter: "dense 84", batchSize: 2, measureMs: 1 } as const;

describe("kernels", () => {
  it("are checked, timed one by one, and held against the machine's limits", async () => {
    const { results, limits, checked } = await benchKernels(SMALL);
    expect(checked).toBe(1);
    expect(results.map(({ kernel, pass }) => `${kernel} ${pass}`)).toEqual(
      expect.arrayContaining(["denseForward forward", "denseInputGradient dX", "matmulTN dKernel"]),
    );
    for (const value of Object.values(limits)) expect(value).toBeGreaterThan(0);
    for (const { ms, gflops, shareOfPeak, gigabytesPerSecond, shareOfBandwidth, pass } of results) {
      expect(ms).toBeGreaterThan(0);
      expect(gigabytesPerSecond).toBeGreaterThan(0);
      expect(shareOfBandwidth).toBeCloseTo(gigabytesPerSecond / limits.memoryGigabytesPerSecond, 9);
      if (pass === "dX" || pass === "dKernel") expect(shareOfPeak).toBeGreaterThan(0);
      else if (gflops === 0) expect(shareOfPeak).toBe(0);
    }
  });

  it("have each its own time, though they run in another order than they were recorded in", async () => {
    const { results } = await benchKernels({ ...SMALL, filter: "conv2d 14", batchSize: 8 });
    const products = results.filter(({ gflops }) => gflops > 0);
    expect(products.map(({ pass }) => pass).sort()).toEqual(["dKernel", "dX", "forward"]);
    // A product under the name of which a small kernel is timed would come to thousands: nothing here reaches 400.
    for (const { kernel, gflops } of products) expect(gflops, kernel).toBeLessThan(400);
  });

  it("are not timed when a result is wrong", async () => {
    const machine = await Machine.open();
    const timed: string[] = [];
    const broken = () => {
      const engine = wasmEngine(machine);
      return {
        ...engine,
        read(tensor: Parameters<typeof engine.read>[0]) {
          const values = engine.read(tensor);
          values.data[values.data.length - 1] += 0.01;
          return values;
        },
      };
    };
    const bench = benchKernels({ ...SMALL, engine: broken, onResult: ({ kernel }) => timed.push(kernel) });
    await expect(bench).rejects.toThrow(/^y\[9\] of \[1,10\] must be .*; got .*, error .*, tolerance/);
    expect(timed).toEqual([]);
  });

  it("cover batch, loss and update as well", async () => {
    const seen = [];
    for (const filter of ["gather", "softmaxCross", "adam"]) {
      const { results, checked } = await benchKernels({ ...SMALL, filter });
      expect(checked).toBe(1);
      seen.push(...results.map(({ layer, kernel }) => `${layer} ${kernel}`));
    }
    expect(seen).toEqual([
      "batch gatherBytes",
      "batch gatherByteLabels",
      "loss softmaxCrossEntropy",
      "update adamUpdate",
    ]);
  });
});

describe("peers", () => {
  it("must compute our network", () => {
    const ours = Float32Array.of(0.25, 0.75);
    const check = (theirs: number[]) => () => checkProbabilities("tfjs", "lenet5", ours, theirs);
    expect(check([0.25001, 0.75])).not.toThrow();
    const message = "tfjs computes another network: probability 1 of lenet5 is 0.76, ours 0.75.";
    expect(check([0.25, 0.76])).toThrow(message);
    expect(check([0.25, Number.NaN])).toThrow("is NaN, ours 0.75");
    expect(check([0.25])).toThrow("is undefined, ours 0.75");
  });

  it("spread is between the extremes", () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
    expect(spread([4, 1])).toEqual({ median: 2.5, low: 1, high: 4 });
  });
});

describe("the command", () => {
  it("step prints one object", async () => {
    const settings = ["--workers", "1", "--batch-size", "3", "--mode", "inference", "--quick"];
    const { stdout, stderr, code } = await cbapd("bench", "step", "lenet5", ...settings, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const step = JSON.parse(stdout);
    expect(step).toMatchObject({ network: "lenet5", workers: 1, batchSize: 3, mode: "inference" });
    expect(step.imagesPerSecond).toBeCloseTo(3000 / step.stepMs, 6);
    expect(step.stepMsBest).toBeLessThanOrEqual(step.stepMs);
    expect(step.peakRssMb).toBeGreaterThan(20);
    expect(step.peakRssMb).toBeLessThan(1000);
  });

  it.runIf(fastCoreAvailable())("step takes the fast core", async () => {
    const settings = ["--fast", "--workers", "1", "--batch-size", "3", "--quick"];
    const { stdout, stderr, code } = await cbapd("bench", "step", "lenet5", ...settings, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ network: "lenet5", batchSize: 3, fast: true });
  });

  it.runIf(fastCoreAvailable())("the fast core is another one", async () => {
    const trained = async (fast: boolean) => {
      const settings = { network: "lenet5", workers: 1, batchSize: 3, mode: "training" } as const;
      const steps = await openStepSession({ ...settings, fast });
      try {
        await steps.run(1);
        return weightsSha256(steps.session.readWeights());
      } finally {
        await steps.close();
      }
    };
    expect(await trained(true)).not.toBe(await trained(false));
  });

  describe("peers", () => {
    const out = join(temporaryFolder(), "bench");
    let outcome: Awaited<ReturnType<typeof cbapd>>;
    beforeAll(async () => {
      const settings = ["--batch-size", "2", "--rounds", "2", "--quick", "--json", "--out", out];
      outcome = await cbapd(
        "bench",
        "peers",
        "lenet5",
        "--peers",
        "cbapd-fast,tfjs-wasm,pytorch",
        ...settings,
      );
    });

    it("runs in turns with tfjs, which computes the same", () => {
      expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
      const report = JSON.parse(outcome.stdout);
      expect(report.comparisons).toHaveLength(1);
      const [{ results, missing, mode, workers }] = report.comparisons;
      expect([mode, workers]).toEqual(["training", 1]);
      const names = results.map(({ contender }: { contender: string }) => contender);
      const fast = fastCoreAvailable() ? ["cbapd-fast"] : [];
      expect(names.slice(0, fast.length + 2)).toEqual(["cbapd", ...fast, "tfjs-wasm"]);
      // PyTorch is not everywhere; where it is missing, it is said why.
      if (!names.includes("pytorch")) expect(missing[0].reason).toContain("CBAPD_PYTHON");
      expect(results[0].ratio).toEqual({ median: 1, low: 1, high: 1 });
      for (const { ratio, stepMs } of results) {
        expect(ratio.low).toBeLessThanOrEqual(ratio.median);
        expect(ratio.median).toBeLessThanOrEqual(ratio.high);
        expect(stepMs).toBeGreaterThan(0);
      }
    });

    it("draws a chart", () => {
      expect(JSON.parse(readFileSync(join(out, "bench.json"), "utf8"))).toEqual(JSON.parse(outcome.stdout));
      const svg = readFileSync(join(out, "peers.svg"), "utf8");
      for (const text of ["lenet5", "cbapd", "tfjs-wasm", "training, 1 worker"]) expect(svg).toContain(text);
      expect(readFileSync(join(out, "peers.png")).subarray(1, 4).toString()).toBe("PNG");
    });
  });

  it("profile prints tables, and writes a trace and a roofline", async () => {
    const folder = temporaryFolder();
    const [trace, roofline] = [join(folder, "trace.json"), join(folder, "roof.svg")];
    const files = ["--trace", trace, "--roofline", roofline];
    const { stdout, code } = await cbapd("profile", "lenet5", "--workers", "1", "--steps", "3", ...files);
    expect(code).toBe(0);
    expect(stdout).toMatch(/conv2d_1 +backward +[\d.]+ +[\d.]+ % +[\d.]+/);
    expect(stdout).toMatch(/step +[\d.]+ +100.0 %/);
    expect(JSON.parse(readFileSync(trace, "utf8")).traceEvents.length).toBeGreaterThan(100);
    const svg = readFileSync(roofline, "utf8");
    for (const text of ["winogradRowsForward", "peak", "operations a byte", "GB/s"])
      expect(svg).toContain(text);
    expect(existsSync(join(folder, "roof.png"))).toBe(true);
  });

  it.each([
    [["bench", "kernel"], 'bench: unknown value "kernel". Did you mean "kernels"?'],
    [["bench", "step", "lenet6"], 'unknown network "lenet6". Did you mean "lenet5"?'],
    [["bench", "peers", "lenet5", "--peers", "pytorsh"], 'unknown value "pytorsh". Did you mean "pytorch"?'],
    [["bench", "step", "lenet5", "--mode", "train"], "--mode: unknown value"],
    [["profile", "lenet"], 'unknown network "lenet". Did you mean "lenet5"?'],
    [["profile"], "missing required argument 'network'"],
  ])("%j is misuse", async (args, message) => {
    const outcome = await cbapd(...args);
    expect(outcome.stderr).toContain(message);
    expect([outcome.code, outcome.stdout]).toEqual([2, ""]);
  });

  it.each(["bench", "profile"])("%s --help has an example", async (name) => {
    expect((await cbapd(name, "--help")).stdout).toContain(`Example:\n  $ cbapd ${name}`);
  });
});
