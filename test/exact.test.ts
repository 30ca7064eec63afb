/** `exact: true` keeps convolutions to direct sums. */
import { describe, expect, it } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { models } from "../src/index.js";
import type { Graph } from "../src/models/graph.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { adam } from "../src/train/optimizers.js";
import { layOut } from "../src/train/regions.js";
import { recordEvaluation, recordTraining } from "../src/train/step.js";

const loss = { name: "sparseCategoricalCrossentropy", fromLogits: false, labelSmoothing: 0 } as const;
const data = {
  count: 4,
  images: new Uint8Array(4 * 3072),
  scale: 1 / 255,
  labels: new Uint8Array(4),
};

function kernels(graph: Graph, exact: boolean): { training: string[]; evaluation: string[] } {
  const options = { graph, loss, optimizer: adam(), exact };
  const regions = layOut(graph, adam(), 4, data, data);
  const names = ({ instructions }: ReturnType<typeof recordTraining>) =>
    instructions.map(({ kernel }) => kernel);
  return {
    training: names(recordTraining(options, regions, 4)),
    evaluation: names(recordEvaluation(options, regions, 4)),
  };
}

const indirect = (name: string) => /^(winograd|map[A-Z]|stride2)/.test(name);

describe("exact", () => {
  it.each([
    ["resnet18", NETWORKS.resnet18({ width: 1 / 4 })],
    ["lenet5", NETWORKS.lenet5()],
  ])("records no Winograd kernel, in training and evaluation: %s", (_, graph) => {
    const plain = kernels(graph, false);
    expect(plain.training.some(indirect)).toBe(true);
    expect(plain.evaluation.some(indirect)).toBe(true);
    const exact = kernels(graph, true);
    expect(exact.training.some(indirect)).toBe(false);
    expect(exact.evaluation.some(indirect)).toBe(false);
  });

  it("reaches from compile to the kernels, and gives nearly the same numbers", async () => {
    const { train } = shapes({ train: 4, test: 1, seed: 1 });
    const gradients = async (exact: boolean) => {
      const model = models.resnet18({ width: 1 / 4 });
      model.setWeights(initialWeights(model.graph, 1));
      model.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", exact });
      const pixels = Float32Array.from(train.images, (value) => value / 255);
      return (await model.gradients(pixels, train.labels)).gradients;
    };
    const [direct, plain] = [await gradients(true), await gradients(false)];
    let different = 0;
    for (const [name, values] of plain) {
      const right = direct.get(name)!;
      const size = Math.sqrt(right.reduce((sum, value) => sum + value * value, 0));
      const error = Math.sqrt(values.reduce((sum, value, i) => sum + (value - right[i]) ** 2, 0));
      if (error > 0) different++;
      // In norm: a unit that lies on relu's kink may flip.
      expect(error, name).toBeLessThan(2e-2 * size + 1e-6);
    }
    expect(different).toBeGreaterThan(0);
  });

  it("must be true or false", () => {
    const given = { optimizer: "adam", loss: "sparseCategoricalCrossentropy", exact: "yes" } as never;
    expect(() => models.lenet5().compile(given)).toThrow('compile: exact must be true or false; got "yes"');
  });
});
