/** Frozen layers: their weights stay, their batch normalisation uses moving statistics, and nothing is computed for nobody. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import { finishProgram } from "../src/backend/wasm/program.js";
import {
  adam,
  input,
  layers,
  loadModel,
  loadTrainingState,
  type Model,
  model,
  modelCheckpoint,
  saveTrainingState,
  sequential,
  sgd,
  summaryData,
  summaryText,
  weightsSha256,
} from "../src/index.js";
import { graphToConfig } from "../src/models/config.js";
import { weightSpecs } from "../src/models/graph.js";
import { graphFromConfig } from "../src/models/readConfig.js";
import { backwardGraph, forwardGraph } from "../src/models/run.js";
import { ndarray } from "../src/reference/ndarray.js";
import { layOut } from "../src/train/regions.js";
import { recordTraining } from "../src/train/step.js";
import { dot, numericGradient, randomArray, randomValues } from "./support/arrays.js";
import { expectClose } from "./support/close.js";
import { temporaryFolder } from "./support/temporary.js";

const loss = "sparseCategoricalCrossentropy" as const;

/** Convolution, normalisation, convolution, normalisation, head; the first two layers or the middle may be frozen. */
function net(frozen: readonly string[] = []): Model {
  const trainable = (name: string) => ({ name, trainable: !frozen.includes(name) });
  return sequential([
    layers.conv2d({ filters: 5, kernelSize: 3, inputShape: [7, 6, 2], ...trainable("first") }),
    layers.batchNormalization({ momentum: 0.5, ...trainable("norm") }),
    layers.activation({ activation: "tanh" }),
    layers.conv2d({ filters: 4, kernelSize: 3, kernelRegularizer: layers.l2(0.1), ...trainable("second") }),
    layers.batchNormalization({ momentum: 0.5, ...trainable("norm2") }),
    layers.flatten(),
    layers.dense({ units: 3, activation: "softmax", ...trainable("head") }),
  ]).compile({ optimizer: adam({ learningRate: 0.01 }), loss });
}

const data = {
  x: Float32Array.from(randomValues(24 * 84, 1)),
  y: Array.from({ length: 24 }, (_, i) => (i * 7) % 3),
};
const fit = { batchSize: 8, epochs: 2, workers: 2, seed: 3 };

/** The training program's calls: label and what they help to compute. */
function callsOf({ graph }: Model): { label: string; pass: string | undefined; kernel: string }[] {
  const training = { count: 8, images: new Float32Array(8 * 84), scale: 1, labels: new Uint8Array(8) };
  const optimizer = adam();
  const regions = layOut(graph, optimizer, 8, training, undefined);
  const options = { graph, loss: { name: loss }, optimizer };
  const { calls } = finishProgram(recordTraining(options, regions, 8), regions.end);
  return calls.map(({ label, work, kernel }) => ({ label, pass: work?.pass, kernel }));
}

describe("a frozen layer", () => {
  it("keeps its weights and moving statistics to the bit, while the others learn", async () => {
    const frozen = ["first", "norm", "norm2"];
    const trained = net(frozen);
    await trained.fit(data, { ...fit, epochs: 1, shuffle: false });
    const untrained = net(frozen);
    await untrained.fit(data, { ...fit, maxSteps: 1, shuffle: false });
    const [after, before] = [trained.getWeights(), untrained.getWeights()];
    for (const [name, values] of after) {
      const stays = frozen.includes(name.split("/")[0]);
      expect(Buffer.from(values.buffer).equals(Buffer.from(before.get(name)!.buffer)), name).toBe(stays);
    }
  });

  it("has no gradient, and gradients below the first that learns are not computed", async () => {
    const all = callsOf(net());
    const middle = callsOf(net(["second"]));
    const below = callsOf(net(["first", "norm"]));
    const passes = (calls: typeof all, layer: string) =>
      new Set(calls.filter(({ label }) => label === `${layer} backward`).map(({ pass }) => pass));
    expect(passes(all, "second")).toContain("dKernel");
    expect(passes(middle, "second")).toEqual(new Set(["dX"]));
    expect(passes(middle, "first")).toContain("dKernel");
    expect(passes(below, "first").size).toBe(0);
    expect(below.some(({ label }) => label.startsWith("norm backward"))).toBe(false);
    expect(passes(below, "second")).not.toContain("dX");

    const { gradients } = await net(["first", "norm"]).gradients(data.x, data.y);
    expect([...gradients.keys()]).toEqual(
      ["second/kernel", "second/bias", "norm2/gamma", "norm2/beta", "head/kernel", "head/bias"].sort(
        (a, b) => [...gradients.keys()].indexOf(a) - [...gradients.keys()].indexOf(b),
      ),
    );
    expect(gradients.size).toBe(6);
  });

  it("passes on the gradient of its inference form: central differences, and the wasm backend", async () => {
    const { graph } = net(["norm", "second", "norm2"]);
    const backend = referenceBackend({ seed: 0, step: 0 });
    const specs = weightSpecs(graph);
    const weights = new Map(
      specs.map(({ name, shape }, i) => {
        const drawn = randomArray(shape, 10 + i);
        // Variances are positive.
        return [
          name,
          name.endsWith("variance")
            ? ndarray(
                shape,
                drawn.data.map((v) => Math.abs(v) + 0.2),
              )
            : drawn,
        ];
      }),
    );
    const x = randomArray([3, 7, 6, 2], 1);
    const forward = () => forwardGraph(backend, graph, x, weights, { training: true });
    const { y, caches } = forward();
    const dY = randomArray(y.shape, 2);
    const gradients = backwardGraph(backend, graph, dY, weights, caches);
    expect([...gradients.keys()].sort()).toEqual(["first/bias", "first/kernel", "head/bias", "head/kernel"]);
    for (const [name, gradient] of gradients) {
      const numeric = numericGradient(() => dot(forward().y, dY), weights.get(name)!);
      expectClose(gradient.data, numeric, { atol: 1e-7 });
    }
    const inference = forwardGraph(backend, graph, x, weights, { training: false });
    expectClose(y.data, inference.y.data, { atol: 0 });

    const fast = net(["norm", "second", "norm2"]);
    fast.setWeights(new Map(Array.from(weights, ([name, { data }]) => [name, Float32Array.from(data)])));
    const batch = Float32Array.from(x.data);
    const { gradients: float32, loss: measured } = await fast.gradients(batch, [0, 1, 2]);
    const probabilities = forward().y.data;
    const expectedLoss = -[0, 1, 2].reduce((sum, k) => sum + Math.log(probabilities[3 * k + k]), 0) / 3;
    expect(measured).toBeCloseTo(expectedLoss, 5); // without the frozen kernel's penalty, as in Keras
    expect([...float32.keys()].sort()).toEqual([...gradients.keys()].sort());
  });

  it("counts as what it is in the summary", () => {
    const { totalParameters, trainableParameters, layers: rows } = summaryData(net(["first", "norm"]));
    const own = 3 * 3 * 2 * 5 + 5 + 4 * 5;
    expect(trainableParameters).toBe(totalParameters - own - 2 * 4);
    expect(rows.filter(({ trainable }) => !trainable).map(({ name }) => name)).toEqual(["first", "norm"]);
    expect(summaryText(net(["first"]))).toContain("first (Conv2D, frozen)");
  });
});

describe("freezing after building", () => {
  it("is what the option does, for the whole network or by name, and can be taken back", async () => {
    const [byOption, byName, byLayer] = [net(["first", "norm"]), net(), net()];
    byName.freeze("first", "norm");
    for (const layer of byLayer.layers.slice(0, 3)) layer.trainable = false;
    const hashes = [];
    for (const each of [byOption, byName, byLayer]) {
      await each.fit(data, fit);
      hashes.push(weightsSha256(each.getWeights()));
    }
    expect(new Set(hashes).size).toBe(1);
    byName.freeze();
    await expect(byName.fit(data, fit)).rejects.toThrow(
      "fit: every layer with weights is frozen; nothing could be learnt. unfreeze one.",
    );
    byName.unfreeze();
    expect(byName.layers.every(({ trainable }) => trainable)).toBe(true);
    expect(() => byName.freeze("frist")).toThrow('freeze: unknown layer "frist". Did you mean "first"?');
    expect(() => net().getLayer("nothing like it")).toThrow("getLayer: unknown layer");
    expect(() => layers.dense({ units: 3, trainable: 0 as unknown as boolean })).toThrow(
      "dense: trainable must be true or false; got 0.",
    );
  });

  it("starts trainOnBatch's optimizer anew", async () => {
    const one = net();
    const other = net();
    await one.trainOnBatch(data.x, data.y);
    other.setWeights(one.getWeights());
    one.freeze("first", "norm");
    other.freeze("first", "norm");
    await one.trainOnBatch(data.x, data.y);
    await other.trainOnBatch(data.x, data.y);
    expect(weightsSha256(one.getWeights())).toBe(weightsSha256(other.getWeights()));
  });

  it("moves weights layer by layer from one network to another", async () => {
    const taught = net();
    await taught.fit(data, fit);
    const other = net();
    for (const layer of other.layers.slice(0, -1)) {
      layer.setWeights(taught.getLayer(layer.name).getWeights());
      layer.trainable = false;
    }
    const [from, to] = [taught.getWeights(), other.getWeights()];
    for (const name of to.keys()) {
      const equal = Buffer.from(from.get(name)!.buffer).equals(Buffer.from(to.get(name)!.buffer));
      expect(equal, name).toBe(!name.startsWith("head/"));
    }
    expect(other.getLayer("head").countParams()).toBe(24 * 3 + 3);
    expect(other.getLayer("second").className).toBe("Conv2D");
    expect(() => other.getLayer("head").setWeights([])).toThrow(
      "head: weights must have 2 entries: head/kernel, head/bias; got 0.",
    );
  });
});

describe("a frozen network's files", () => {
  it("remember what is frozen, and a resumed run goes on bit for bit", async () => {
    const folder = temporaryFolder();
    const whole = net(["first", "norm"]);
    await whole.fit(data, fit);

    const path = join(folder, "checkpoint.safetensors");
    const part = net(["first", "norm"]);
    const { state } = await part.fit(data, { ...fit, maxSteps: 4 });
    await saveTrainingState(path, part.graph, state);
    const read = await loadTrainingState(path);
    expect(graphToConfig(read.graph)).toEqual(graphToConfig(part.graph));
    const rest = net(["first", "norm"]);
    await rest.fit(data, { ...fit, resume: read.state });
    expect(weightsSha256(rest.getWeights())).toBe(weightsSha256(whole.getWeights()));

    await expect(net().fit(data, { ...fit, resume: read.state })).rejects.toThrow(
      "fit: the run that is resumed lacks adam/m/first/kernel: the same layers must be frozen as in it, or not frozen.",
    );
    await expect(net(["first", "norm", "second"]).fit(data, { ...fit, resume: read.state })).rejects.toThrow(
      "fit: the run that is resumed has adam/m/second/kernel too",
    );
  });

  it("models and best weights too; what is not frozen is not mentioned", async () => {
    const folder = temporaryFolder();
    const frozen = net(["first"]);
    await frozen.save(join(folder, "model.safetensors"));
    const read = await loadModel(join(folder, "model.safetensors"));
    expect(read.layers.filter(({ trainable }) => !trainable).map(({ name }) => name)).toEqual(["first"]);
    expect(JSON.stringify(graphToConfig(net().graph))).not.toContain("trainable");
    await frozen.fit(data, { ...fit, callbacks: [modelCheckpoint(folder)] });
    expect((await loadModel(join(folder, "epoch-2.safetensors"))).getLayer("first").trainable).toBe(false);
    const config = graphToConfig(frozen.graph);
    expect(() => graphFromConfig({ ...config, nodes: [{ ...config.nodes[0], trainable: 1 }] }, "f")).toThrow(
      "nodes.0.trainable",
    );
  });

  it("holds for branches and for sgd", async () => {
    const inputs = input({ shape: [6, 6, 2] });
    const a = layers.conv2d({ filters: 3, kernelSize: 3, name: "a" }).apply(inputs);
    const b = layers.conv2d({ filters: 3, kernelSize: 3, name: "b", trainable: false }).apply(inputs);
    const joined = layers.globalAveragePooling2d().apply(layers.add().apply([a, b]));
    const outputs = layers.dense({ units: 2, activation: "softmax", name: "head" }).apply(joined);
    const branched = model({ inputs, outputs }).compile({
      optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
      loss,
    });
    const before = branched.getWeights();
    await branched.trainOnBatch(Float32Array.from(randomValues(4 * 72, 2)), [0, 1, 0, 1]);
    const changed = [...branched.getWeights()].filter(([name, values]) => {
      return !Buffer.from(values.buffer).equals(Buffer.from(before.get(name)!.buffer));
    });
    expect(changed.map(([name]) => name)).toEqual(["a/kernel", "a/bias", "head/kernel", "head/bias"]);
  });
});
