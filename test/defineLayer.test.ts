/** Layers of one's own: proven on the reference, the same on the fast kernels, in files, and refused where they are wrong. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backend/reference.js";
import {
  adam,
  defineLayer,
  type LayerDefinition,
  layers,
  loadModel,
  modelFromJSON,
  sequential,
  summaryData,
  weightsSha256,
} from "../src/index.js";
import { backwardGraph, forwardGraph } from "../src/models/run.js";
import { ndarray } from "../src/reference/ndarray.js";
import { checkLayer } from "../src/verify/checkLayer.js";
import { randomArray, randomValues } from "./support/arrays.js";
import { expectClose } from "./support/close.js";
import { temporaryFolder } from "./support/temporary.js";

/** y = x·σ(beta·x), one beta a channel. */
const definition: LayerDefinition<{ initial: "ones" | "zeros" }> = {
  kind: "test_swish",
  title: "TestSwish",
  defaults: { initial: "ones" },
  parameters: ([input], { initial }) => ({
    beta: { shape: [input[input.length - 1]], initializer: initial },
  }),
  forward(backend, x, { beta }) {
    const z = backend.multiplyChannels(x, beta);
    const s = backend.sigmoid(z);
    return { y: backend.multiply(x, s), cache: { x, z, s } };
  },
  backward(backend, dY, _parameters, { x, z, s }) {
    const slope = backend.multiply(s, backend.affine(s, -1, 1));
    const dX = backend.multiply(dY, backend.add(s, backend.multiply(z, slope)));
    const squares = backend.multiply(backend.multiply(x, x), slope);
    return { dX, parameters: { beta: backend.channelSums(backend.multiply(dY, squares)) } };
  },
  flops: ([input]) => 6 * input.reduce((a, b) => a * b, 1),
};
const swish = defineLayer(definition);

const net = () =>
  sequential([
    layers.conv2d({ filters: 5, kernelSize: 3, inputShape: [6, 7, 2] }),
    swish({ name: "gate" }),
    layers.flatten(),
    swish(),
    layers.dense({ units: 3, activation: "softmax" }),
  ]).compile({ optimizer: adam({ learningRate: 0.01 }), loss: "sparseCategoricalCrossentropy" });

describe("a layer of one's own", () => {
  it("passes checkLayer; with a wrong sign it does not", () => {
    expect(checkLayer(swish.layer, { cases: 20 })).toMatchObject({ ok: true, cases: 20 });
    const { forward } = definition;
    const wrong = defineLayer({
      ...definition,
      kind: "test_wrong",
      forward,
      backward(backend, dY, parameters, cache, options, context) {
        const { dX, parameters: gradients } = definition.backward(
          backend,
          dY,
          parameters,
          cache,
          options,
          context,
        );
        return { dX, parameters: { beta: backend.affine(gradients!.beta, -1, 0) } };
      },
    });
    const verdict = checkLayer(wrong.layer, { cases: 20 });
    expect(verdict.ok).toBe(false);
    expect(verdict.message).toContain("dBeta");
  });

  it("gives the reference's gradients on the fast kernels, and learns, on any number of workers", async () => {
    const model = net();
    const x = randomArray([4, 6, 7, 2], 1);
    const { gradients } = await model.gradients(Float32Array.from(x.data), [0, 1, 2, 0]);
    const backend = referenceBackend({ seed: 0, step: 0 });
    const shapes = new Map(
      model.graph.nodes.flatMap((node) =>
        Object.entries(node.specs).map(([name, { shape }]) => [`${node.name}/${name}`, shape]),
      ),
    );
    const weights = new Map(
      Array.from(model.getWeights(), ([name, values]) => [
        name,
        ndarray(shapes.get(name)!, Float64Array.from(values)),
      ]),
    );
    const { y, caches } = forwardGraph(backend, model.graph, x, weights, { training: true });
    // The gradient of the mean loss with respect to the probabilities is −1/(N·p) at the label.
    const dY = ndarray(
      y.shape,
      y.data.map((p, i) => ([0, 1, 2, 0][Math.floor(i / 3)] === i % 3 ? -1 / (4 * p) : 0)),
    );
    const expected = backwardGraph(backend, model.graph, dY, weights, caches);
    expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
    expect(gradients.has("gate/beta") && gradients.has("test_swish/beta")).toBe(true);
    for (const [name, gradient] of expected) expectClose(gradients.get(name)!, gradient.data, { atol: 2e-6 });

    const data = {
      x: Float32Array.from(randomValues(24 * 84, 3)),
      y: Array.from({ length: 24 }, (_, i) => i % 3),
    };
    const hashes = [];
    for (const workers of [1, 3]) {
      const trained = net();
      const { history } = await trained.fit(data, { batchSize: 8, epochs: 6, workers });
      expect(history.logs.loss.at(-1)).toBeLessThan(history.logs.loss[0]);
      hashes.push(weightsSha256(trained.getWeights()));
    }
    expect(hashes[0]).toBe(hashes[1]);
  });

  it("is named in files, and found again in this process", async () => {
    const path = join(temporaryFolder(), "model.safetensors");
    const model = net();
    await model.save(path);
    const read = await loadModel(path);
    const x = Float32Array.from(randomValues(84, 5));
    expect(await read.predict(x)).toEqual(await model.predict(x));
    expect(summaryData(read).layers[2]).toMatchObject({ name: "gate", type: "TestSwish", parameters: 5 });
    const again = await modelFromJSON(JSON.stringify(model));
    expect(again.getLayer("gate").className).toBe("TestSwish");
    expect(again.countParams()).toBe(model.countParams());
  });

  it("is refused where it is wrong", () => {
    const { forward, backward } = definition;
    const base = { forward, backward } as LayerDefinition;
    expect(() => defineLayer({ ...base, kind: "Swish" })).toThrow(
      'lower case letters, digits and _, as "swish"; got "Swish"',
    );
    expect(() => defineLayer({ ...base, kind: "conv2d" })).toThrow(
      'kind "conv2d" is a layer of cbapd\'s own',
    );
    expect(() => defineLayer({ ...base, kind: "a", backward: 1 as never })).toThrow(
      "a must have a function backward; got 1",
    );
    expect(() => swish({ initail: "ones" } as never)).toThrow(
      'test_swish: unknown option "initail". Did you mean "initial"?',
    );
    const flat = defineLayer({ ...base, kind: "test_flat", outputShape: () => [0] });
    expect(() => flat.layer.outputShape([[3]], {}, "flat")).toThrow(
      "outputShape must give a list of positive integers; got [0]",
    );
    const lazy = defineLayer({
      kind: "test_lazy",
      parameters: () => ({ w: { shape: [1] } }),
      forward: (_backend, x) => ({ y: x }),
      backward: (_backend, dY) => ({ dX: dY }),
    });
    expect(() => checkLayer(lazy.layer, { cases: 1 })).toThrow(
      "test_lazy: backward must give the gradient of w; got none.",
    );
  });
});
