/**
 * PyTorch and Keras modules, imported and run by Python: by torch and by Keras itself where they are installed, and by a stand-in for
 * Keras that needs only NumPy (test/support/python/keras). Where Python or a package is missing the run is left out, and says so.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel } from "../src/export/index.js";
import { kerasModule } from "../src/export/keras.js";
import { pytorchModule, stateDict } from "../src/export/pytorch.js";
import { readNpy, writeNpy } from "../src/formats/index.js";
import { layers, type Model, models, sequential } from "../src/index.js";
import { expectClose } from "./support/close.js";
import { noise } from "./support/livelyWeights.js";
import { exportable, networkWidth, ODD_NAMES } from "./support/oddNetworks.js";
import { KERAS_ENVIRONMENT, pythonWith } from "./support/pythonWith.js";
import { temporaryFolder } from "./support/temporary.js";

const NAMES = [...models.names, ...ODD_NAMES];
const IMAGES = 2;

describe.each([
  { to: "pytorch", by: "pytorch", needs: "torch", atol: 1e-5 },
  { to: "keras", by: "stand-in", needs: "numpy", atol: 1e-5 },
  { to: "keras", by: "keras", needs: "keras", atol: 1e-5 },
] as const)("modules for $to, run by $by", ({ to, by, needs, atol }) => {
  const folder = temporaryFolder();
  const expected = new Map<string, Float32Array>();
  const python = pythonWith(needs);
  if (!python)
    console.warn(`Left out: no Python here has ${needs}, so the modules for ${to} are not run by ${by}.`);

  beforeAll(async () => {
    if (!python) return;
    for (const name of NAMES) {
      const width = by === "stand-in" ? Math.min(networkWidth(name), 1 / 8) : networkWidth(name);
      const net = exportable(name, width);
      const shape = net.graph.nodes[0].outputShape;
      const data = noise(IMAGES, shape) as Float32Array<ArrayBuffer>;
      await exportModel(net, to, join(folder, `${name}.py`));
      await writeNpy(join(folder, `${name}.x.npy`), { type: "f4", shape: [IMAGES, ...shape], data });
      expected.set(name, await net.predict(data, { workers: 1 }));
    }
    execFileSync(python, ["test/support/python/run_modules.py", folder, by, ...NAMES], {
      env: KERAS_ENVIRONMENT,
      stdio: "pipe",
    });
  });

  it.skipIf(!python).each(NAMES)("%s: three lines load it, and it predicts the same", async (name) => {
    const { shape, data } = await readNpy(join(folder, `${name}.${by}.npy`));
    const ours = expected.get(name)!;
    expect(shape).toEqual([IMAGES, ours.length / IMAGES]);
    expectClose(data as Float32Array, ours, { atol }, name);
  });
});

describe("the text", () => {
  it("of lenet5 for PyTorch", () => {
    const text = pytorchModule("lenet5", models.lenet5().graph);
    expect(text).toContain("self.conv2d = nn.Conv2d(3, 6, (5, 5), stride=(1, 1), padding=(0, 0), bias=True)");
    expect(text).toContain("x = F.max_pool2d(x, (2, 2), (2, 2))  # max_pooling2d");
    expect(text).toContain("x = x.permute(0, 2, 3, 1).flatten(1)  # flatten");
    expect(text).toContain("return torch.softmax(self.logits(x), dim=1)");
  });

  it("of lenet5 for Keras, and of what differs from Keras' defaults", () => {
    const text = kerasModule("lenet5", models.lenet5().graph);
    expect(text).toContain(
      'x1 = layers.Conv2D(6, (5, 5), strides=(1, 1), padding="valid", activation="sigmoid", name="conv2d")(x0)',
    );
    expect(text).toContain('    "dense_2": ["kernel", "bias"],');
    expect(kerasModule("r", models.resnet18().graph)).toContain(
      'layers.Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L2(0.01), name="dense")',
    );
    const inception = kerasModule("i", models.inception10({ statistics: "moving" }).graph);
    expect(inception).toContain('name="batch_normalization")(x1, training=False)');
  });

  it("has PyTorch's names and layouts in its weights", () => {
    const net = exportable("baseline");
    const tensors = stateDict({ graph: net.graph, weights: net.getWeights() });
    expect(Array.from(tensors, ([name, { shape }]) => [name, shape])).toEqual([
      ["batch_normalization.num_batches_tracked", []],
      ["conv2d.weight", [6, 3, 5, 5]],
      ["conv2d.bias", [6]],
      ["batch_normalization.weight", [6]],
      ["batch_normalization.bias", [6]],
      ["batch_normalization.running_mean", [6]],
      ["batch_normalization.running_var", [6]],
      ["dense.weight", [128, 1536]],
      ["dense.bias", [128]],
      ["dense_1.weight", [10, 128]],
      ["dense_1.bias", [10]],
    ]);
  });

  it("keeps what a file calls its model from becoming code, and names free of nn.Module's", () => {
    const name = '"""\\; import os';
    const named = (layer: string): Model =>
      sequential([layers.dense({ units: 2, inputShape: [3], name: layer })], { name });
    for (const text of [pytorchModule("m", named("a").graph), kerasModule("m", named("a").graph)]) {
      expect(text).not.toContain(name);
      expect(text.match(/"""/g)).toHaveLength(text.includes("class Net") ? 4 : 6);
      expect(text).toContain("____ import os");
    }
    for (const layer of ["forward", "lambda", "train", "1x", "_x"]) {
      expect(pytorchModule("m", named(layer).graph)).toContain(`self.layer_${layer} = nn.Linear(3, 2`);
    }
    const both = sequential([
      layers.dense({ units: 2, inputShape: [3], name: "a-b" }),
      layers.dense({ units: 2, name: "a.b" }),
    ]);
    expect(pytorchModule("m", both.graph)).toContain("self.a_b_1 = nn.Linear(2, 2");
  });

  it.each(["net", "my-net.py", "1.py", "import.py", "net.txt"])("refuses to be called %s", async (path) => {
    await expect(exportModel(exportable("vector"), "pytorch", path)).rejects.toThrow("path must ");
  });
});
