/** Sweeps and recipes: what is varied, and what remains of it. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RECIPES } from "../src/cli/recipe.js";
import { planSweep } from "../src/cli/sweep.js";
import { draw, grid, parseVariation, settingArguments } from "../src/cli/sweepPlan.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const KNOWN = ["learning-rate", "optimizer", "augment", "nesterov", "momentum"];
const vary = (text: string) => parseVariation(text, KNOWN);

function cbapd(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr });
    });
  });
}

describe("what is varied", () => {
  it("a grid: every combination, the last option changing fastest", () => {
    const runs = grid([vary("optimizer=adam,sgd"), vary("learning-rate=0.1, 0.01")]);
    expect(runs.map((run) => run.map(([, value]) => value).join(" "))).toEqual([
      "adam 0.1",
      "adam 0.01",
      "sgd 0.1",
      "sgd 0.01",
    ]);
  });

  it("values with commas, flags, and options left out", () => {
    const runs = grid([vary("augment=off|flip,crop:4"), vary("nesterov=on,off")]);
    expect(runs.map(settingArguments)).toEqual([
      ["--nesterov"],
      [],
      ["--augment", "flip,crop:4", "--nesterov"],
      ["--augment", "flip,crop:4"],
    ]);
  });

  it("draws: within their ranges, evenly on their scale, the same for the same seed, all different", () => {
    const variations = [
      vary("learning-rate=1e-4..1e-1"),
      vary("momentum=lin:0.5..0.9"),
      vary("optimizer=sgd,rmsprop"),
    ];
    const runs = draw(variations, 200, 1);
    const column = (i: number) => runs.map((run) => run[i][1]);
    const rates = column(0).map(Number);
    expect(rates.every((rate) => rate >= 1e-4 && rate <= 1e-1)).toBe(true);
    for (const decade of [1e-4, 1e-3, 1e-2]) {
      const within = rates.filter((rate) => rate >= decade && rate < 10 * decade).length;
      expect(within).toBeGreaterThan(45);
      expect(within).toBeLessThan(90);
    }
    const momenta = column(1).map(Number);
    expect(momenta.every((momentum) => momentum >= 0.5 && momentum <= 0.9)).toBe(true);
    expect(momenta.filter((momentum) => momentum < 0.7).length).toBeGreaterThan(70);
    expect(new Set(column(2))).toEqual(new Set(["sgd", "rmsprop"]));
    expect(draw(variations, 200, 1)).toEqual(runs);
    expect(draw(variations, 200, 2)).not.toEqual(runs);
    expect(draw(variations, 3, 1)).toEqual(runs.slice(0, 3));
    expect(new Set(runs.map((run) => JSON.stringify(run))).size).toBe(200);
    // There are two: no more can be had.
    expect(draw([vary("nesterov=on,off")], 5, 0)).toHaveLength(2);
  });

  it.each<[string, string]>([
    ["learning-rat=1", '--vary: unknown option "learning-rat". Did you mean "learning-rate"?'],
    ["learning-rate", "--vary must be an option and its values"],
    ["learning-rate=", "--vary must be an option and its values"],
    ["learning-rate=1,,2", "--vary learning-rate: a value is empty"],
    ["learning-rate=1,1", "--vary learning-rate names a value twice"],
    ["learning-rate=0..1", "--vary learning-rate must be <from>..<to> with 0 < from < to"],
    ["momentum=lin:0.9..0.5", "--vary momentum must be lin:<from>..<to> with from < to"],
  ])("%s is refused", (text, message) => {
    expect(() => vary(text)).toThrow(message);
  });

  it("a range in a grid is refused", () => {
    expect(() => grid([vary("learning-rate=0.1..1")])).toThrow("a range is for --random");
  });
});

describe("cbapd sweep", () => {
  const little = [
    "--data",
    "shapes",
    "--limit",
    "64",
    "--limit-test",
    "20",
    "--workers",
    "1",
    "--epochs",
    "1",
  ];

  it("runs all, keeps a table and a picture, and the same command again goes on", async () => {
    const path = join(temporaryFolder(), "sweep");
    const args = ["sweep", "lenet5", ...little, "--vary", "optimizer=sgd,adam", "--run", path];
    const first = await cbapd(...args);
    expect(first.stderr).toBe("");
    expect(first.stdout).toMatch(/\[2\/2\] optimizer=adam\n {2}epoch 1 - [\d.]+s - loss: [\d.]+ - accuracy/);
    expect(first.stdout).toMatch(/run {2}optimizer {2}val_accuracy {2}epoch {2}val_loss {2}seconds/);
    for (const file of [
      "sweep.json",
      "sweep.txt",
      "sweep.svg",
      "sweep.png",
      "1/run.json",
      "2/history.json",
    ]) {
      expect(existsSync(join(path, file)), file).toBe(true);
    }
    const { runs } = JSON.parse(readFileSync(join(path, "sweep.json"), "utf8"));
    expect(runs[0].command).toBe(
      `cbapd train lenet5 ${little.join(" ")} --optimizer sgd --run ${join(path, "1")}`,
    );
    const history = JSON.parse(readFileSync(join(path, "2/history.json"), "utf8"));
    expect(runs[1].bestAccuracy).toBe(Math.max(...history.logs.val_accuracy));
    expect(readFileSync(join(path, "sweep.svg"), "utf8")).toContain("optimizer=adam, ");

    // As after a loss of the second run: it alone is trained again, to the same numbers.
    rmSync(join(path, "2"), { recursive: true });
    const again = await cbapd(...args, "--json");
    const lines = again.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({
      done: true,
      best: { bestAccuracy: Math.max(runs[0].bestAccuracy, runs[1].bestAccuracy) },
    });
    expect(lines[0]).toEqual(runs[0]);
    expect(lines[1].accuracies).toEqual(runs[1].accuracies);

    const other = await cbapd(...args, "--vary", "batch-size=8,16");
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/holds another sweep\. Choose another folder/);

    for (const [text, fault] of [
      ['{"runs":[{"command":1}]}', "runs.0.command: "],
      ['{"runs"', "it is no JSON"],
    ]) {
      writeFileSync(join(path, "sweep.json"), text);
      const refused = await cbapd(...args);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`sweep.json is damaged: ${fault}`);
      expect(readFileSync(join(path, "sweep.json"), "utf8")).toBe(text);
    }
  });

  it.each<[string, string[], string[], string]>([
    ["lenet6", ["seed=1,2"], [], 'unknown network "lenet6"'],
    ["lenet5", [], [], "sweep needs at least one --vary"],
    ["lenet5", ["seed=1,2", "seed=3"], [], "--vary names seed twice."],
    ["lenet5", ["run=a,b"], [], '--vary: unknown option "run"'],
    ["lenet5", ["optimizer=adam,adm"], [], '--optimizer: unknown value "adm". Did you mean "adam"?'],
    ["lenet5", ["seed=1,2"], ["--epoch", "3"], "unknown option '--epoch'"],
    ["lenet5", ["momentum=0.5,0.9"], [], "--momentum is for sgd and rmsprop; got --optimizer adam."],
  ])("refuses %s, %j, %j before anything starts", (network, given, extra, message) => {
    expect(() => planSweep(network, extra, { vary: given, sweepSeed: 0 }, "none")).toThrow(message);
  });
});

describe("cbapd recipe", () => {
  it("is its train command, with the user's options after its own", async () => {
    const run = join(temporaryFolder(), "run");
    const changes = [
      "--data",
      "shapes",
      "--limit",
      "64",
      "--limit-test",
      "20",
      "--width",
      "0.03",
      "--epochs",
      "1",
    ];
    const shown = await cbapd("recipe", "cifar10-fast", "--show", ...changes);
    expect(shown.stdout).toBe(`cbapd train ${[...RECIPES["cifar10-fast"].train, ...changes].join(" ")}\n`);
    const trained = await cbapd("recipe", "cifar10-fast", ...changes, "--run", run);
    expect(trained.stderr).toBe("");
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain("Epoch 1/1");
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8"))).toMatchObject({
      network: "resnet18",
      optimizer: "sgd",
      schedule: "one-cycle:1",
      augment: "crop:4,flip",
      labelSmoothing: 0.1,
      data: "shapes",
    });
  });

  it("names the nearest", async () => {
    const outcome = await cbapd("recipe", "cifar10-fst");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('unknown recipe "cifar10-fst". Did you mean "cifar10-fast"?');
  });
});
