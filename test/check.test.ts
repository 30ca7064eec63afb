/** `cbapd check`: right numbers pass, wrong ones are found, named, and blamed on the mistake that made them. */
import { execFile, execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import { readTypedSafetensors } from "../src/formats/safetensors.js";
import { type NDArray, ndarray } from "../src/reference/ndarray.js";
import { networkAllowances } from "../src/verify/allowances.js";
import { readCaseFile } from "../src/verify/caseFile.js";
import { type CheckOptions, checkCase } from "../src/verify/check.js";
import { compareTensor } from "../src/verify/compare.js";
import { MISTAKES, type Mistake } from "../src/verify/mistakes.js";
import { watch } from "../src/verify/watch.js";
import {
  adamScene,
  difference,
  l2Scene,
  layerScene,
  lossScene,
  networkScene,
  type Scene,
  tied,
  writeCase,
  writeScene,
} from "./support/caseFiles.js";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const CASES = join(import.meta.dirname, "check/cases");
const WRITERS = join(import.meta.dirname, "../docs/check");
const PYTHON = process.env.PYTHON ?? "python3";

const convolution = { filters: 5, kernelSize: [3, 2], strides: 2, padding: "same" };
const SCENES: readonly Scene[] = [
  layerScene("conv2d", convolution, [[7, 6, 4]]),
  layerScene("conv2d", { filters: 4, kernelSize: 3, activation: "relu" }, [[6, 5, 3]]),
  layerScene("dense", { units: 4, activation: "sigmoid" }, [[6]]),
  layerScene("dense", { units: 5, activation: "softmax" }, [[6]]),
  layerScene("batch_normalization", {}, [[3, 2, 4]]),
  layerScene("batch_normalization", { statistics: "moving" }, [[3, 2, 4]]),
  layerScene("activation", { activation: "softmax" }, [[5]]),
  layerScene("max_pooling2d", { poolSize: 3, strides: 2, padding: "same" }, [[7, 6, 2]], { x: tied }),
  layerScene("max_pooling2d", { poolSize: 2, strides: 1, padding: "same" }, [[5, 4, 2]]),
  layerScene("average_pooling2d", { poolSize: 3, strides: 2, padding: "same" }, [[7, 6, 2]]),
  layerScene("global_average_pooling2d", {}, [[5, 4, 3]]),
  layerScene("dropout", { rate: 0.4 }, [[20]]),
  layerScene("flatten", {}, [[2, 3, 2]]),
  layerScene("add", {}, [[2, 3, 2], [2, 3, 2]]), // biome-ignore format: one line
  layerScene("concatenate", {}, [[2, 3, 2], [2, 3, 4]]), // biome-ignore format: one line
  lossScene(),
  adamScene(),
  l2Scene(),
];

const NETWORK_SCENES: readonly Scene[] = [
  networkScene("baseline"),
  networkScene("baseline", { dropout: "on", steps: 0 }),
  networkScene("lenet5", { width: 1 / 4, size: 16 }),
  networkScene("resnet18", { width: 1 / 16, size: 8, steps: 1 }),
  networkScene("inception10", { width: 1 / 4, size: 8, steps: 1, statistics: "moving" }),
];

const REFERENCE: CheckOptions = { backends: ["reference"] };

async function check(path: string, options?: CheckOptions) {
  return checkCase(await readCaseFile(path), options);
}

describe("right numbers", () => {
  it.each([...SCENES, ...NETWORK_SCENES])("pass on both backends: $title", async (scene) => {
    const report = await check(await writeScene(scene));
    for (const { name, comparisons } of report.tensors) {
      for (const [backend, { verdict }] of Object.entries(comparisons)) {
        expect(verdict, `${name} on ${backend}`).not.toBe("wrong");
      }
      // The file holds what the reference computed, in float64.
      expect(comparisons.reference!.absolute, name).toBe(0);
    }
    expect(report).toMatchObject({ ok: true, firstWrong: {} });
    expect(report.tensors.length).toBe(scene.run().size);
  });

  it.each(readdirSync(CASES))("from PyTorch pass on both backends: %s", async (file) => {
    const report = await check(join(CASES, file));
    expect(report.firstWrong).toEqual({});
    expect(report.ok).toBe(true);
    // The file has float32 of what PyTorch computed in float64.
    for (const { name, comparisons } of report.tensors) {
      const { relative, remark } = comparisons.reference!;
      if (!remark) expect(relative, name).toBeLessThanOrEqual(6e-8);
    }
  });

  it.each(["pytorch", "numpy_dense"])("of docs/check/%s.py pass", async (script) => {
    const module = script === "pytorch" ? "torch" : "numpy";
    if (!hasPython(module))
      return console.warn(`${PYTHON} has no ${module}: docs/check/${script}.py is not tried`);
    const folder = temporaryFolder();
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
    execFileSync(PYTHON, [join(WRITERS, `${script}.py`)], { cwd: folder, env });
    const report = await check(join(folder, readdirSync(folder)[0]));
    expect(report.ok).toBe(true);
    for (const { comparisons } of report.tensors) expect(comparisons.reference!.relative).toBeLessThan(1e-14);
  });
});

function hasPython(module: string): boolean {
  try {
    execFileSync(PYTHON, ["-c", `import ${module}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("mistakes", () => {
  it.each(MISTAKES)("are named: $name", async (mistake) => {
    const scenes = [...SCENES, ...NETWORK_SCENES].filter((scene) => concerns(scene, mistake));
    let shown = 0;
    for (const scene of scenes) {
      const wrong = scene.run(mistake);
      if (difference(wrong, scene.run()) < 1e-3) continue; // this case does not show it
      shown++;
      const report = await check(await writeScene(scene, mistake), REFERENCE);
      expect(report.ok, scene.title).toBe(false);
      const names = report.findings!.map(({ name }) => name);
      expect(names, scene.title).toContain(mistake.name);
      for (const name of names) {
        const other = MISTAKES.find((known) => known.name === name)!;
        expect(difference(scene.run(other), wrong), `${name} on ${scene.title}`).toBeLessThan(1e-4);
      }
    }
    expect(shown).toBeGreaterThan(0);
  });

  it("are not named when none fits", async () => {
    const scene = SCENES[0];
    const results = scene.run();
    const y = results.get("y")!;
    const wrong = new Map([...scene.inputs, ...results, ["y", ndarray(y.shape, y.data.map((v) => v * v))] as const]); // biome-ignore format: one line
    const report = await check(await writeCase(wrong, scene.metadata), REFERENCE);
    expect(report.firstWrong).toEqual({ forward: "y" });
    expect(report.findings).toEqual([]);
  });
});

function concerns(scene: Scene, mistake: Mistake): boolean {
  return mistake.concerns.some((kind) => scene.concerns.includes(kind));
}

describe("the first wrong tensor", () => {
  /** A right network case, but for some tensors, which are scaled. */
  async function changed(names: readonly string[], factor: number) {
    const scene = NETWORK_SCENES[0];
    const results = Array.from(scene.run(), ([name, value]) => {
      const by = names.includes(name) ? factor : 1;
      return [name, ndarray(value.shape, value.data.map((v) => v * by))] as const; // biome-ignore format: one line
    });
    return check(await writeCase(new Map([...scene.inputs, ...results]), scene.metadata), REFERENCE);
  }

  it("is the first in forward, in backward and in update order", async () => {
    const names = [
      "gradients/conv2d/kernel",
      "gradients/dense/kernel",
      "loss",
      "probabilities",
      "after/2/dense/bias",
    ];
    const report = await changed(names, 1.01);
    expect(report.firstWrong).toEqual({
      forward: "probabilities",
      backward: "gradients/dense/kernel",
      update: "after/2/dense/bias",
    });
    const wrong = report.tensors.filter(({ comparisons }) => comparisons.reference!.verdict === "wrong");
    expect(wrong.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect((await changed(names, 1 + 1e-7)).ok).toBe(true);
  });

  it("may be a moving mean, but for the random walk of the bias before it", async () => {
    const scene = NETWORK_SCENES[0];
    const shifted = async (k: number, shift: number) => {
      const name = `after/${k}/batch_normalization/moving_mean`;
      const results = new Map(scene.run());
      const { shape, data } = results.get(name)!;
      results.set(
        name,
        ndarray(
          shape,
          data.map((value) => value + shift),
        ),
      );
      return check(await writeCase(new Map([...scene.inputs, ...results]), scene.metadata), REFERENCE);
    };
    // After the first step the bias is at most 2·learningRate off, of which the mean takes 1 − momentum in the second.
    const walk = 0.01 * 2 * 1e-3;
    expect((await shifted(2, 0.99 * walk)).ok).toBe(true);
    expect((await shifted(2, 1.01 * walk)).ok).toBe(false);
    expect((await shifted(1, 0.01 * walk)).ok).toBe(false);
  });

  it("may be a moving statistic, which comes before the logits", async () => {
    const moving = "after/1/batch_normalization/moving_variance";
    expect((await changed([moving, "logits"], 1.01)).firstWrong).toEqual({ forward: moving });
  });

  it("is not the bias before a normalisation, whose gradient is zero in exact arithmetic", async () => {
    const report = await changed(["gradients/conv2d/bias", "after/1/conv2d/bias"], -3);
    expect(report.ok).toBe(true);
    const find = (name: string) =>
      report.tensors.find((tensor) => tensor.name === name)!.comparisons.reference!;
    expect(find("gradients/conv2d/bias")).toMatchObject({
      verdict: "ok",
      remark: "zero in exact arithmetic",
    });
    expect(find("after/1/conv2d/bias")).toMatchObject({ verdict: "left out" });
    // Zero is what it must be, all the same.
    const scene = NETWORK_SCENES[0];
    const results = new Map(scene.run());
    results.set("gradients/conv2d/bias", ndarray([1], [0.01]));
    results.set("gradients/conv2d/bias", ndarray(results.get("gradients/conv2d/bias")!.shape, [0.01]));
    const wrong = await check(
      await writeCase(new Map([...scene.inputs, ...results]), scene.metadata),
      REFERENCE,
    );
    expect(wrong.firstWrong).toEqual({ backward: "gradients/conv2d/bias" });
  });
});

describe("comparison", () => {
  const ours = ndarray([2, 2], [1, -4, 2, 0]);
  const against = (...theirs: number[]) => compareTensor(ndarray([2, 2], theirs), ours, { tolerance: 1e-3 });

  it("gives the worst errors, where, and both values", () => {
    expect(against(1, -4.25, 2.1, 0)).toMatchObject({
      absolute: 0.25,
      relative: 0.0625,
      index: [0, 1],
      theirs: -4.25,
      ours: -4,
      verdict: "wrong",
    });
    expect(against(1, -4, 2, 1e-3).verdict).toBe("ok");
  });

  it("takes NaN and infinity for errors", () => {
    expect(against(1, -4, Number.NaN, 5)).toMatchObject({
      verdict: "wrong",
      index: [1, 0],
      absolute: Number.NaN,
    });
    expect(against(1, Number.NEGATIVE_INFINITY, 2, 0)).toMatchObject({ verdict: "wrong", index: [0, 1] });
    const endless = ndarray([1], [Number.POSITIVE_INFINITY]);
    expect(compareTensor(endless, ndarray([1], [Number.NaN]), { tolerance: 1 }).verdict).toBe("wrong");
  });

  it("takes the norm where single elements may be off", () => {
    const theirs = ndarray([2, 2], [1, -4, 2, 0.01]);
    expect(compareTensor(theirs, ours, { tolerance: 1e-3, norm: 0.02 }).verdict).toBe("norm");
    expect(compareTensor(theirs, ours, { tolerance: 1e-3, norm: 0.005 }).verdict).toBe("wrong");
  });

  it("uses --tolerance in place of all others", async () => {
    const path = await writeScene(SCENES[0]);
    expect((await check(path, { tolerance: 1e-12, backends: ["reference"] })).ok).toBe(true);
    expect((await check(path, { tolerance: 1e-12, backends: ["wasm"] })).ok).toBe(false);
  });
});

describe("kinks", () => {
  it("are units within the error of relu's 0, and windows with two nearly equal largest", () => {
    const { backend, kinks } = watch(referenceBackend({ seed: 0, step: 0 }), 1e-3);
    backend.relu(ndarray([5], [-10, 0.009, -0.01, 0.02, 3]));
    const window = { kernel: [1, 2], strides: [1, 2], padding: "valid" } as const;
    backend.maxPooling2d(ndarray([1, 1, 8, 1], [5, 4.996, 5, 4.98, 0, 0, -1, -10]), window);
    expect(kinks).toEqual([
      { operation: "relu", near: 2 },
      { operation: "maxPooling2d", near: 1 }, // zeros are what relu made of negative numbers
    ]);
  });

  it("excuse single entries of gradients of the layers before them", async () => {
    const file = await readCaseFile(await writeScene(NETWORK_SCENES[0]));
    if (file.kind !== "network") throw new Error("it is a network");
    const ours = NETWORK_SCENES[0].run();
    // relu, max pooling, relu of the dense layer
    const at = (...near: number[]) => {
      const counts = near.map((count) => ({ operation: "relu" as const, near: count }));
      const allowance = networkAllowances(file.given, ours, {
        kinks: [counts, [0, 0, 0].map(() => counts[2])],
      });
      const names = [
        "gradients/conv2d/kernel",
        "gradients/dense/kernel",
        "gradients/dense_1/kernel",
        "logits",
      ];
      return names.map((name) => allowance(name).norm !== undefined);
    };
    expect(at(0, 0, 0)).toEqual([false, false, false, false]);
    expect(at(1, 0, 0)).toEqual([true, false, false, false]);
    expect(at(0, 1, 0)).toEqual([true, false, false, false]);
    expect(at(0, 0, 1)).toEqual([true, true, false, false]);
  });
});

describe("files that cannot be", () => {
  type Change = (tensors: Map<string, NDArray>, metadata: Record<string, string>) => void;

  const layer = SCENES[0];
  const network = networkScene("baseline", { steps: 0 });
  it.each<[string, Scene, Change, RegExp]>([
    ["no kind", layer, (_, m) => void delete m.kind, /metadata must have "kind"; got layer, options\./],
    ["another kind", layer, (_, m) => void (m.kind = "lair"), /unknown kind "lair". Did you mean "layer"\?/],
    [
      "another layer",
      layer,
      (_, m) => void (m.layer = "conv3d"),
      /unknown layer "conv3d". Did you mean "conv2d"\?/,
    ],
    [
      "an unknown option",
      layer,
      (_, m) => void (m.options = '{"stride": 2}'),
      /unknown option "stride". Did you mean "strides"\?/,
    ],
    [
      "options that are no JSON",
      layer,
      (_, m) => void (m.options = "{strides: 2}"),
      /"options" must be a JSON object; got "\{strides: 2\}"/,
    ],
    [
      "no kernel",
      layer,
      (t) => void t.delete("kernel"),
      /tensor "kernel" of shape \[3, 2, 4, 5\] is missing\. The file has bias, /,
    ],
    [
      "a kernel in PyTorch's layout",
      layer,
      (t) => void t.set("kernel", ndarray([5, 4, 3, 2])),
      /"kernel" must have shape \[3, 2, 4, 5\]; got \[5, 4, 3, 2\] \(conv2d on input \[7, 6, 4\]\)/,
    ],
    [
      "a wrong y",
      layer,
      (t) => void t.set("y", ndarray([3, 4, 3, 4])),
      /"y" must have shape \[3, 4, 3, 5\]; got \[3, 4, 3, 4\]/,
    ],
    [
      "no dY",
      layer,
      (t) => void t.delete("dY"),
      /tensor "dY" of shape \[3, 4, 3, 5\] is missing: dX follows from it/,
    ],
    [
      "an unknown tensor",
      layer,
      (t) => void t.set("dkernels", ndarray([1])),
      /unknown tensor "dkernels". Did you mean "dKernel"\?/,
    ],
    [
      "nothing to compare",
      layer,
      (t) => ["y", "dX", "dKernel", "dBias"].forEach((n) => void t.delete(n)),
      /nothing to compare\. Give at least one of y, dX, /,
    ],
    [
      "x without a batch axis",
      layer,
      (t) => void t.set("x", ndarray([4])),
      /tensor "x" must have shape \[batch, …\]; got \[4\]/,
    ],
    [
      "another network",
      network,
      (_, m) => void (m.network = "resnet"),
      /unknown network "resnet". Did you mean "resnet18"\?/,
    ],
    [
      "no width",
      network,
      (_, m) => void (m.width = "1/0"),
      /"width": must be a positive number or fraction, such as "1\/16"; got "1\/0"/,
    ],
    [
      "other statistics",
      network,
      (_, m) => void (m.statistics = "movin"),
      /"statistics": unknown value "movin". Did you mean "moving"\?/,
    ],
    [
      "dropout left half on",
      network,
      (_, m) => void (m.dropout = "of"),
      /"dropout": unknown value "of". Did you mean "o/,
    ],
    [
      "no weight",
      network,
      (t) => void t.delete("weights/dense/kernel"),
      /tensor "weights\/dense\/kernel" of shape \[25, 8\] is missing/,
    ],
    [
      "a misspelt weight",
      network,
      (t) => void t.set("weights/dense/kernal", ndarray([1])),
      /unknown tensor "weights\/dense\/kernal". Did you mean "weights\/dense\/kernel"\?/,
    ],
    [
      "a wrong weight",
      network,
      (t) => void t.set("weights/dense/kernel", ndarray([8, 25])),
      /must have shape \[25, 8\]; got \[8, 25\] \(baseline, width 0.0625, input \[9, 9, 3\]\)/,
    ],
    [
      "a label too many",
      network,
      (t) => void t.set("y", ndarray([3], [0, 10, 2])),
      /y\[1\] must be a class index from 0 to 9; got 10/,
    ],
    [
      "half a label",
      network,
      (t) => void t.set("y", ndarray([3], [0, 1.5, 2])),
      /y\[1\] must be a class index from 0 to 9; got 1.5/,
    ],
    ["labels missing", network, (t) => void t.set("y", ndarray([2])), /"y" must have shape \[3\]; got \[2\]/],
    [
      "a gradient of a statistic",
      network,
      (t) => void t.set("gradients/batch_normalization/moving_mean", ndarray([1])),
      /unknown tensor "gradients\/batch_normalization\/moving_mean"/,
    ],
    [
      "a flat x",
      network,
      (t) => void t.set("x", ndarray([3, 243])),
      /"x" must have shape \[images, height, width, channels\]; got \[3, 243\]/,
    ],
    [
      "no step",
      network,
      (_, m) => void (m.learning_rate = "fast"),
      /"learningRate": must be a positive number; got "fast"/,
    ],
  ])("%s", async (_, scene, change, message) => {
    const tensors = new Map([...scene.inputs, ...scene.run()]);
    const metadata = { ...scene.metadata };
    change(tensors, metadata);
    const path = await writeCase(tensors, metadata);
    const error = await readCaseFile(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "CaseError", exitCode: 2, message: expect.stringMatching(message) });
    expect((error as Error).message.startsWith(`${path}: `)).toBe(true);
  });

  it("are accepted as far as they may be", async () => {
    const tensors = new Map([...layer.inputs, ...layer.run()]);
    const options = '{"kernel_size": [3, 2], "strides": [2, 2], "padding": "same"}';
    const file = await readCaseFile(
      await writeCase(tensors, { kind: "layer", layer: "Conv2D", options, author: "me" }),
    );
    expect(file.warnings).toEqual([expect.stringContaining('unknown entry "author"')]);
    expect((await checkCase(file)).ok).toBe(true);
  });

  it("warn of dropout, whose random numbers are ours", async () => {
    const file = await readCaseFile(await writeScene(networkScene("baseline", { dropout: "on", steps: 0 })));
    expect(file.warnings).toEqual([expect.stringContaining("dropout is on")]);
  });

  it("take dropout's mask from the file", async () => {
    const mask = ndarray([2, 3], [1, 0, 1, 1, 1, 0]);
    const x = ndarray([2, 3], [1, 2, 3, 4, 5, 6]);
    const y = ndarray([2, 3], [2, 0, 6, 8, 10, 0]);
    const tensors = new Map(Object.entries({ x, mask, dY: x, y, dX: y }));
    const metadata = { kind: "layer", layer: "dropout", options: '{"rate": 0.5}' };
    expect((await check(await writeCase(tensors, metadata))).ok).toBe(true);
  });
});

describe("safetensors of more types", () => {
  it("read back int64, int32 and float64, which a model file may not have", async () => {
    const folder = temporaryFolder();
    const { writeSafetensors, readSafetensors } = await import("../src/formats/safetensors.js");
    const tensors = {
      a: { shape: [2], data: BigInt64Array.of(-1n, 7n) },
      b: { shape: [2], data: Int32Array.of(-1, 7) },
      c: { shape: [2], data: Float64Array.of(0.1, Number.NaN) },
    };
    await writeSafetensors(join(folder, "x"), new Map(Object.entries(tensors)));
    const back = await readTypedSafetensors(join(folder, "x"));
    for (const [name, tensor] of Object.entries(tensors)) expect(back.tensors.get(name)).toEqual(tensor);
    await expect(readSafetensors(join(folder, "x"))).rejects.toThrow('only "F32" is read here');
  });
});

describe("the command", () => {
  const cbapd = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { ...process.env, NO_COLOR: "1" };
      execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr });
      });
    });

  it("shows a row a tensor and exits with 0 when all agree", async () => {
    const { code, stdout, stderr } = await cbapd("check", await writeScene(SCENES[0]));
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^conv2d on \[3, 7, 6, 4\]\n/);
    expect(stdout).toMatch(/\ndKernel +\[3, 2, 4, 5\] +0\.0e\+0 .* ok\n/);
    expect(stdout).toContain("All 4 tensors agree.");
  });

  it("names what is wrong and why, and exits with 1", async () => {
    const mistake = MISTAKES.find(({ concerns }) => concerns.includes("loss"))!;
    const path = await writeScene(lossScene(), mistake);
    const { code, stdout } = await cbapd("check", path);
    expect(code).toBe(1);
    expect(stdout).toMatch(/\ndX +\[4, 5\] .* WRONG\n/);
    expect(stdout).toContain("First wrong in backward order: dX");
    expect(stdout).toContain(`Likely mistake: ${mistake.name}. ${mistake.explanation}`);
    const json = await cbapd("check", path, "--json", "--backend", "reference");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      firstWrong: { backward: "dX" },
      findings: [{ name: mistake.name }],
    });
  });

  it("exits with 2 for a file that cannot be, and for wrong options", async () => {
    const missing = await cbapd("check", "nowhere.safetensors");
    expect(missing).toMatchObject({
      code: 2,
      stderr: "error: nowhere.safetensors cannot be read: it does not exist.\n",
    });
    expect((await cbapd("check", "x.npz")).stderr).toContain("the case must be a .safetensors file");
    const backend = await cbapd("check", "x.safetensors", "--backend", "wasn");
    expect(backend).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "wasm"?') });
  });
});
