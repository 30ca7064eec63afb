/** Round trips of weights through npz and safetensors, what is refused, and the two commands. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportModel, importModel } from "../src/export/index.js";
import { readNpz, readSafetensors, writeNpz } from "../src/formats/index.js";
import { loadModel, type Model, models, weightsSha256 } from "../src/index.js";
import { exportable } from "./support/oddNetworks.js";
import { temporaryFolder } from "./support/temporary.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const sha = (model: Model) => weightsSha256(model.getWeights());
const lenet = exportable("lenet5");
const NAMES = [...lenet.getWeights().keys()];
const fresh = () => models.lenet5();

describe("weights alone", () => {
  it.each([{}, { compressed: true }])("npz %j: Keras' names, bit for bit", async (options) => {
    expect(await exportModel(lenet, "npz", at("a.npz"), options)).toEqual([at("a.npz")]);
    const arrays = await readNpz(at("a.npz"));
    expect([...arrays.keys()]).toEqual(NAMES);
    expect(arrays.get("conv2d/kernel")).toMatchObject({ type: "f4", shape: [5, 5, 3, 6] });
    const { model, format } = await importModel(at("a.npz"), { network: fresh() });
    expect([sha(model), format]).toEqual([sha(lenet), "NumPy npz"]);
  });

  it("npz of float64 is rounded, and says so; other types are refused", async () => {
    const arrays = await readNpz(at("a.npz"));
    const kernel = arrays.get("dense/kernel")!;
    arrays.set("dense/kernel", {
      ...kernel,
      type: "f8",
      data: Float64Array.from(kernel.data as Float32Array),
    });
    await writeNpz(at("b.npz"), arrays);
    const { model, remarks } = await importModel(at("b.npz"), { network: fresh() });
    expect(sha(model)).toBe(sha(lenet));
    expect(remarks).toEqual(["1 arrays were float64, and have been rounded to float32"]);
    arrays.set("dense/kernel", { type: "i1", shape: [1], data: Int8Array.of(1) });
    await writeNpz(at("b.npz"), arrays);
    await expect(importModel(at("b.npz"), { network: fresh() })).rejects.toMatchObject({ code: "NPY_DTYPE" });
  });

  it("safetensors with and without the description", async () => {
    await exportModel(lenet, "safetensors", at("whole.safetensors"));
    expect(sha(await loadModel(at("whole.safetensors")))).toBe(sha(lenet));
    expect((await importModel(at("whole.safetensors"))).format).toBe("cbapd model");
    await exportModel(lenet, "safetensors", at("bare.safetensors"), { weightsOnly: true });
    const { tensors, metadata } = await readSafetensors(at("bare.safetensors"));
    expect([[...tensors.keys()], metadata]).toEqual([NAMES, {}]);
    const { model, format } = await importModel(at("bare.safetensors"), { network: fresh() });
    expect([sha(model), format]).toEqual([sha(lenet), "safetensors, weights only"]);
  });

  it("of another network are refused, with the weight's name", async () => {
    const importTo = (network?: Model) => importModel(at("a.npz"), { network });
    await expect(importTo()).rejects.toMatchObject({ code: "IMPORT_NETWORK" });
    await expect(importTo(models.baseline())).rejects.toMatchObject({ code: "KERAS_WEIGHT_UNKNOWN" });
    await expect(importTo(models.lenet5({ classes: 7 }))).rejects.toMatchObject({
      code: "KERAS_WEIGHT_SHAPE",
      message: expect.stringContaining('"dense_2/kernel" must have shape [84, 7] in lenet5; it has [84, 10]'),
    });
    const arrays = await readNpz(at("a.npz"));
    arrays.delete("dense/bias");
    await writeNpz(at("few.npz"), arrays);
    await expect(importModel(at("few.npz"), { network: fresh() })).rejects.toMatchObject({
      code: "KERAS_WEIGHT_MISSING",
    });
    arrays.set("dense_9/bias", { type: "f4", shape: [1], data: Float32Array.of(1) });
    await writeNpz(at("many.npz"), arrays);
    await expect(importModel(at("many.npz"), { network: fresh() })).rejects.toMatchObject({
      code: "KERAS_WEIGHT_UNKNOWN",
    });
  });
});

describe("what is no model", () => {
  it.each([
    ["a pickle", "IMPORT_UNSUPPORTED", Buffer.from([0x80, 2, 0x7d, 0x71])],
    ["ONNX", "IMPORT_UNSUPPORTED", Buffer.from([0x08, 0x08, 0x12, 0x05, 0x63])],
    ["a picture", "IMPORT_FORMAT", Buffer.from("\x89PNG\r\n\x1a\n", "latin1")],
    ["nothing", "IMPORT_FORMAT", Buffer.alloc(0)],
  ])("%s: %s", async (_what, code, bytes) => {
    writeFileSync(at("what"), bytes);
    await expect(importModel(at("what"))).rejects.toMatchObject({ name: "FileError", code });
  });

  it("an empty folder, and none", async () => {
    mkdirSync(at("empty"));
    await expect(importModel(at("empty"))).rejects.toMatchObject({ code: "IMPORT_FORMAT" });
    await expect(importModel(at("nowhere"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  it("options that a format does not have", async () => {
    await expect(exportModel(lenet, "npz", at("x.npz"), { fold: true })).rejects.toThrow('"fold"');
    await expect(exportModel(lenet, "onnx", at("x.bin"))).rejects.toThrow("must end in .onnx");
    // @ts-expect-error
    await expect(exportModel(lenet, "onxx", at("x"))).rejects.toThrow('Did you mean "onnx"?');
  });
});

describe("the commands", () => {
  const cbapd = (...words: string[]) =>
    execFileSync(process.execPath, ["dist/cli/main.js", ...words], { encoding: "utf8" });

  it("export to each format, and import what comes back", async () => {
    await lenet.save(at("lenet5.safetensors"));
    const exported = (...words: string[]) =>
      JSON.parse(cbapd("export", at("lenet5.safetensors"), ...words, "--json"));
    expect(exported("--to", "onnx", "--out", at("l.onnx"), "--layout", "nchw").files).toEqual([
      { file: at("l.onnx"), bytes: expect.any(Number) },
    ]);
    exported("--to", "tfjs", "--out", at("l-tfjs"));
    exported("--to", "npz", "--out", at("l.npz"));
    const imported = (...words: string[]) =>
      JSON.parse(cbapd("import", ...words, "--out", at("back.safetensors"), "--json"));
    expect(imported(at("l-tfjs"))).toMatchObject({ format: "tfjs LayersModel", parameters: 62006 });
    expect(sha(await loadModel(at("back.safetensors")))).toBe(sha(lenet));
    imported(at("l.npz"), "--network", at("lenet5.safetensors"));
    expect(sha(await loadModel(at("back.safetensors")))).toBe(sha(lenet));
    expect(cbapd("import", at("l.npz"), "--network", "lenet5", "--out", at("back.safetensors"))).toBe(
      `${at("l.npz")} (NumPy npz): 8 layers, 62,006 parameters\nModel: ${at("back.safetensors")}\n`,
    );
  });

  it("never writes over the model that it exports", async () => {
    await lenet.save(at("own.safetensors"));
    const words = ["export", at("own.safetensors"), "--to", "safetensors", "--weights-only", "--out"];
    const { status, stderr } = spawnSync(
      process.execPath,
      ["dist/cli/main.js", ...words, at("own.safetensors")],
      {
        encoding: "utf8",
      },
    );
    expect([status, stderr]).toEqual([2, expect.stringContaining("--out must not be the model itself")]);
    await exportModel(lenet, "pytorch", at("own.py"));
    await exportModel(lenet, "keras", at("own.py"));
    expect(sha(await loadModel(at("own.safetensors")))).toBe(sha(lenet));
  });

  it.each([
    [["export", "x.safetensors"], "--to must be given"],
    [["export", "x.safetensors", "--to", "onnxx"], 'Did you mean "onnx"?'],
    [["export", "x.safetensors", "--to", "npz", "--fold"], "--fold is no option of npz"],
    [["import", "x.npz", "--out", "x.npz"], "--out must be a file whose name ends in .safetensors"],
    [["import", "x.npz", "--network", "lenet", "--out", "x.safetensors"], 'Did you mean "lenet5"?'],
  ])("%j is misuse", (words, text) => {
    const { status, stderr } = spawnSync(process.execPath, ["dist/cli/main.js", ...words], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining(text)]);
  });
});
