/** The fast core: another module with the processor's multiply-adds; as near to the reference as the strict one, and only when asked for. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { fastCoreAvailable, type Model, models, weightsSha256 } from "../src/index.js";
import { againstReference } from "../src/verify/chain.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import { Machine } from "../src/verify/machine.js";
import { networkAgainstReference } from "../src/verify/networks.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const DATA = shapes({ train: 96, test: 32 });

async function trained(options: { fast?: boolean }): Promise<{ net: Model; loss: number }> {
  const net = models
    .lenet5()
    .compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy", ...options });
  const { history } = await net.fit(DATA.train, { workers: 2 });
  return { net, loss: history.logs.loss[0] };
}

const sumOf = ({ net }: { net: Model }) => weightsSha256(net.getWeights());

afterEach(() => vi.restoreAllMocks());

// A processor or an engine without it has nothing to prove here; all versions of Node that are supported have it.
describe.runIf(fastCoreAvailable())("the fast core", () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await Machine.open(true);
  });

  it.each(DESCRIPTIONS.map((description) => [description.name, description] as const))(
    "%s is as near to the reference as the strict one must be",
    (_name, description) => {
      expect(againstReference(description, machine, { cases: 8, seed: 3 }).failure).toBeUndefined();
    },
  );

  it.each(["baseline", "lenet5"] as const)("%s likewise, whole steps, split or not", (name) => {
    expect(networkAgainstReference(name, machine, { cases: 1, seed: 3 }).failure).toBeUndefined();
  });

  it("is used when asked for: a run near the strict one, with other bits", async () => {
    const strict = await trained({});
    const fast = await trained({ fast: true });
    expect(sumOf(await trained({ fast: false }))).toBe(sumOf(strict));
    expect(sumOf(fast)).not.toBe(sumOf(strict));
    expect(Math.abs(fast.loss - strict.loss)).toBeLessThan(1e-4 * strict.loss);
  });

  it("a run folder remembers it, and goes on with no other", () => {
    const run = join(temporaryFolder(), "run");
    const args = [
      MAIN,
      "train",
      "lenet5",
      "--width",
      "0.1",
      "--data",
      "shapes",
      "--limit",
      "64",
      "--limit-test",
      "16",
    ];
    args.push("--workers", "1", "--json", "--run", run, "--epochs", "2", "--steps");
    execFileSync(process.execPath, [...args, "1", "--fast"], { stdio: "pipe" });
    const other = spawnSync(process.execPath, [...args, "2"], { encoding: "utf8" });
    expect(other.stderr).toContain("holds a run with fast true; got none.");
    expect(other.status).not.toBe(0);
    execFileSync(process.execPath, [...args, "2", "--fast"], { stdio: "pipe" });
  });
});

describe("without relaxed SIMD", () => {
  it("says so, once, and gives the strict core's bits", async () => {
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    expect(fastCoreAvailable()).toBe(false);
    const asked = [await trained({ fast: true }), await trained({ fast: true })];
    expect(warn.mock.calls).toEqual([
      ["warning: fast: there is no relaxed SIMD here; the strict core is used instead."],
    ]);
    const strict = sumOf(await trained({}));
    expect(asked.map(sumOf)).toEqual([strict, strict]);
  });
});
