/** What a user of the package writes, in TypeScript, strictly checked. */
import { adam, type Dataset, datasets, decodeModel, encodeModel, models, weightsSha256 } from "cbapd";
import { bytesSource, encodeSafetensors, parseSafetensors } from "cbapd/formats";
import { conv2d } from "cbapd/reference";
import { gradientCheck, ndarray } from "cbapd/verify";

const train: Dataset = datasets.shapes({ train: 75, test: 10, seed: 3 }).train;
const net = models.lenet5();
net.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
const { state } = await net.fit(train, { batchSize: 8, epochs: 2, seed: 1, workers: 2 });
const sha256: string = weightsSha256(net.getWeights());

const again = await decodeModel(encodeModel(net));
const bytes = encodeSafetensors("numbers", new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]));
const { tensors } = await parseSafetensors(bytesSource("numbers", Buffer.concat(bytes)));

console.log(
  JSON.stringify({
    node: process.versions.node,
    steps: state.step,
    sha256,
    again: weightsSha256(again.getWeights()),
    x: Array.from(tensors.get("x")!.data),
    functions: [conv2d, gradientCheck, ndarray].map((value) => typeof value),
  }),
);

/** Never called: what the types refuse. */
export function refused(): void {
  // @ts-expect-error: they know the names of losses
  net.compile({ optimizer: adam(), loss: "crossentropy" });
}
