/**
 * Files that Keras 3.15.1 wrote (test/support/python/write_keras_files.py), with what it predicts for ten inputs. What we write is read by
 * Keras in test/export.python.test.ts, where it is installed.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { importModel } from "../src/export/index.js";
import { readNpz } from "../src/formats/index.js";
import { loadKerasModel, type Model } from "../src/index.js";
import { expectClose } from "./support/close.js";

const at = (name: string) => fileURLToPath(new URL(`fixtures/keras/own/${name}`, import.meta.url));

/** Ours against what Keras' NumPy backend computed, in float32 too. */
async function expectPredictions(net: Model, name: string): Promise<void> {
  const arrays = await readNpz(at(`${name}.npz`));
  const [x, y] = ["x", "y"].map((key) => arrays.get(key)!);
  const data = x.data as Float32Array<ArrayBuffer>;
  expectClose(await net.predict(data, { workers: 1 }), y.data as Float32Array, { atol: 1e-6 }, name);
}

describe.each(["chain", "branches"])("%s, by Keras itself", (name) => {
  it.each([".keras", ".h5"])("as %s: description, weights and predictions", async (extension) => {
    const { model, remarks } = await importModel(at(name + extension));
    expect([model.name, remarks]).toEqual([
      name,
      name === "chain" ? [] : ['"conv2d_1" (Conv2D): trainable is false there; here it would be trained'],
    ]);
    await expectPredictions(model, name);
  });
});

describe("weights alone", () => {
  it("go into the network that model.to_json() describes", async () => {
    const network = await loadKerasModel(at("chain.json"));
    const { model, format } = await importModel(at("chain.weights.h5"), { network });
    expect(format).toBe("Keras HDF5, weights only");
    await expectPredictions(model, "chain");
  });

  it("of a network with branches are refused, since they are only numbered", async () => {
    const { model: network } = await importModel(at("branches.keras"));
    await expect(importModel(at("branches.weights.h5"), { network })).rejects.toMatchObject({
      code: "HDF5_NO_WEIGHTS",
    });
  });
});
