/** Memory is refused before it fails, and given back. */
import { totalmem } from "node:os";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { adam, datasets, models, OptionError } from "../src/index.js";
import { lenet5 } from "../src/models/networks.js";
import { type MachineMemory, machineMemory } from "../src/platform/machineMemory.js";
import { openSession } from "../src/train/openSession.js";
import { runningWorkers } from "./support/faults.js";
import { memoryRun } from "./support/memoryRun.js";

/** Set: what the machine is said to have. */
let machine: MachineMemory | undefined;
vi.mock("../src/platform/machineMemory.js", async (original) => {
  const module = await original<typeof import("../src/platform/machineMemory.js")>();
  return {
    machineMemory: (...args: Parameters<typeof machineMemory>) => machine ?? module.machineMemory(...args),
  };
});

beforeEach(() => {
  machine = undefined;
});

const { train } = await datasets.loadDataset("shapes");
const compiled = { optimizer: adam(), loss: "sparseCategoricalCrossentropy" } as const;

describe("a plan that is too large", () => {
  it("for the machine: the figure, and the largest batch that fits, to the image", async () => {
    const MB = 2 ** 20;
    machine = { bytes: 12 * MB, meaning: "free on this machine" };
    const data = datasets.limit(train, 512);
    const attempt = (batchSize: number) =>
      models.lenet5().compile(compiled).fit(data, { batchSize, workers: 2, maxSteps: 1 });
    const refusal = await attempt(512).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(refusal).toBeInstanceOf(OptionError);
    const pattern =
      /^lenet5: batch size 512 needs 0\.0\d GiB with its data; 0\.01 GiB are free on this machine\. The largest batch that fits is (\d+)\.$/;
    expect(refusal!.message).toMatch(pattern);
    const largest = Number(pattern.exec(refusal!.message)![1]);
    expect(largest).toBeGreaterThan(16);
    await attempt(largest);
    await expect(attempt(largest + 1)).rejects.toThrow(OptionError);
  });

  it("even with a batch of one image", async () => {
    machine = { bytes: 2 ** 20, meaning: "free on this machine" };
    await expect(models.lenet5().compile(compiled).fit(train, { batchSize: 8 })).rejects.toThrow(
      /batch size 8 needs [\d.]+ GiB .* Not even a batch of one image fits: use less data \(--limit\)/,
    );
  });
});

describe("what the machine has", () => {
  const meminfo = "MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  5000 kB\nSwapFree:  200 kB\n";
  const files = (texts: Record<string, string>) => (path: string) => texts[path];

  it("is what Linux says is available, and swap", () => {
    expect(machineMemory(files({ "/proc/meminfo": meminfo }))).toEqual({
      bytes: 5200 * 1024,
      meaning: "free on this machine",
    });
  });

  it("is what the control groups leave, the tightest of them, the file cache not counted", () => {
    const group = (folder: string, limit: string, used: number, cache: number) => ({
      [`${folder}/memory.max`]: `${limit}\n`,
      [`${folder}/memory.current`]: `${used}\n`,
      [`${folder}/memory.stat`]: `anon 1\nfile ${cache}\nfile_mapped 3\n`,
    });
    const texts = {
      "/proc/meminfo": meminfo,
      "/proc/self/cgroup": "0::/a/b\n",
      ...group("/sys/fs/cgroup/a", "3000000", 1000000, 500000),
      ...group("/sys/fs/cgroup/a/b", "max", 1000000, 500000),
    };
    expect(machineMemory(files(texts)).bytes).toBe(2500000);
    expect(
      machineMemory(files({ ...texts, ...group("/sys/fs/cgroup/a/b", "2000000", 900000, 0) })).bytes,
    ).toBe(1100000);
    // In a container the own group is the root, and its path is not there.
    expect(machineMemory(files({ ...texts, ...group("/sys/fs/cgroup", "1000000", 1200000, 0) }))).toEqual({
      bytes: 0,
      meaning: "left of this process' memory limit (control group)",
    });
  });

  it("is the same under control groups of version 1", () => {
    const folder = "/sys/fs/cgroup/memory/job";
    const texts = {
      "/proc/meminfo": meminfo,
      "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/job\n",
      [`${folder}/memory.limit_in_bytes`]: "4000000",
      [`${folder}/memory.usage_in_bytes`]: "3500000",
      [`${folder}/memory.stat`]: "cache 1\ntotal_cache 250000\n",
    };
    expect(machineMemory(files(texts)).bytes).toBe(750000);
    // No limit is a number larger than any machine.
    const unlimited = { ...texts, [`${folder}/memory.limit_in_bytes`]: "9223372036854771712" };
    expect(machineMemory(files(unlimited)).bytes).toBe(5200 * 1024);
  });

  it("is its total where free memory cannot be told", () => {
    expect(machineMemory(files({}))).toEqual({ bytes: totalmem(), meaning: "in this machine" });
  });
});

describe.skipIf(process.platform !== "linux")("given back", () => {
  it("LeNet5 takes no more after many steps than after few", async () => {
    const { grownMB, threads } = await memoryRun("steps", 320);
    expect(grownMB).toBeLessThanOrEqual(2);
    expect(threads[1]).toBe(threads[0]);
  });

  it("networks one after another leave neither memory nor threads", async () => {
    const { grownMB, threads } = await memoryRun("models", 6);
    expect(grownMB).toBeLessThanOrEqual(4); // one network's own: 6 MB
    expect(threads[1]).toBe(threads[0]);
  });
});

it("two runs at once in one process do not meet", async () => {
  const data = datasets.limit(train, 64);
  const run = async () => {
    const net = models.lenet5().compile(compiled);
    const { history } = await net.fit(data, { workers: 2, epochs: 2, batchSize: 8 });
    return history.logs.loss;
  };
  const alone = await run();
  expect(await Promise.all([run(), run()])).toEqual([alone, alone]);
  expect(runningWorkers()).toBe(0);
});

it("the own blocks of the threads may lie beyond 2 GiB", async () => {
  // Memory that is never touched costs nothing: a gap of 2 GiB before them.
  const { inlineGang } = await import("../src/workers/inline.js");
  const graph = lenet5();
  const data = {
    count: 8,
    images: train.images.subarray(0, 8 * 3072),
    scale: 1 / 255,
    labels: train.labels.subarray(0, 8),
  };
  const evaluate = async (far: boolean) => {
    const session = await openSession(
      {
        graph,
        loss: { name: "sparseCategoricalCrossentropy", fromLogits: false },
        batchSize: 4,
        workers: 1,
        seed: 0,
        evaluation: data,
      },
      (setup) => {
        if (!far) return inlineGang(setup);
        const blocks = 2 ** 31 + 4096;
        const pages = 32768 + 64;
        const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
        const gang = inlineGang({ ...setup, memory, layout: { ...setup.layout, blocks } });
        return {
          ...gang,
          run: async (stretch) => {
            const near = new Uint8Array(setup.memory.buffer);
            const there = new Uint8Array(memory.buffer);
            there.set(near);
            const result = await gang.run(stretch);
            near.set(there.subarray(0, near.length));
            return result;
          },
        };
      },
    );
    session.writeWeights((await import("../src/models/initializers.js")).initialWeights(graph, 0));
    const totals = await session.evaluate();
    await session.close();
    return totals;
  };
  expect(await evaluate(true)).toEqual(await evaluate(false));
});
