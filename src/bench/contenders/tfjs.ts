/**
 * tfjs 4.22, the same network in its operations (src/verify/oracle). Its wasm backend has no gradient of a convolution's
 * kernel, so that is composed: the oracle says how. Its Adam is its own.
 */
import { readFile } from "node:fs/promises";
import type * as T from "@tensorflow/tfjs";
import { CbapdError } from "../../errors.js";
import { snakeCase } from "../../layers/layer.js";
import type { Graph } from "../../models/graph.js";
import { weightSpecs } from "../../models/graph.js";
import { NETWORKS } from "../../models/networks.js";
import { withLogits } from "../../models/run.js";
import { applyLayer } from "../../verify/oracle/layers.js";
import { loadTfjs, type OracleBackend, type Tfjs, useBackend } from "../../verify/oracle/load.js";
import type { Assignment, Contender } from "./contender.js";

export async function tfjsContender(assignment: Assignment, backend: OracleBackend): Promise<Contender> {
  const tf = await loadTfjs();
  if (!tf) throw new CbapdError("tfjs is not installed.");
  useBackend(tf, backend);
  const graph = NETWORKS[assignment.network]();
  const { graph: trained } = withLogits(graph);
  const values = new Float32Array((await readFile(assignment.weightsPath)).buffer);
  let at = 0;
  const weights = new Map(
    weightSpecs(graph).map(({ name, shape, trainable }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const tensor = tf.tensor(values.subarray(at, at + size), [...shape]);
      at += size;
      return [name, tf.variable(tensor, trainable, name)];
    }),
  );
  const images = new Float32Array((await readFile(assignment.imagesPath)).buffer);
  const [height, width, channels] = graph.nodes[0].outputShape;
  const shown = tf.tensor4d(images, [assignment.shown, height, width, channels]);
  const probabilities = tf.tidy(() =>
    Array.from(tf.softmax(forward(tf, trained, shown, weights, false).logits).dataSync()),
  );
  const x = tf.tile(shown, [Math.ceil(assignment.batchSize / assignment.shown), 1, 1, 1]);
  const batch = tf.slice(x, [0, 0, 0, 0], [assignment.batchSize, -1, -1, -1]) as T.Tensor4D;
  const labels = tf.oneHot(
    Array.from({ length: assignment.batchSize }, (_, i) => i % 10),
    10,
  );
  const optimizer = tf.train.adam(0.001, 0.9, 0.999, 1e-7);
  const trainable = Array.from(weights.values()).filter((variable) => variable.trainable);

  const train = () => {
    const cost = optimizer.minimize(
      () => {
        const { logits, penalty, moves } = forward(tf, trained, batch, weights, true);
        for (const move of moves) move();
        return tf.add(tf.losses.softmaxCrossEntropy(labels, logits), penalty) as T.Scalar;
      },
      true,
      trainable,
    );
    const [value] = cost!.dataSync();
    cost!.dispose();
    if (!Number.isFinite(value)) throw new CbapdError(`tfjs: the loss is ${value}.`);
  };
  const infer = () =>
    tf.tidy(() => tf.softmax(forward(tf, trained, batch, weights, false).logits).dataSync());
  return {
    version: tf.version.tfjs,
    probabilities,
    async measure(ms) {
      const until = performance.now() + ms;
      const times: number[] = [];
      do {
        const started = performance.now();
        if (assignment.mode === "training") train();
        else infer();
        times.push(performance.now() - started);
      } while (performance.now() < until);
      return times;
    },
    close: async () => {},
  };
}

function forward(
  tf: Tfjs,
  graph: Graph,
  x: T.Tensor4D,
  weights: ReadonlyMap<string, T.Variable>,
  training: boolean,
): { logits: T.Tensor; penalty: T.Tensor; moves: (() => void)[] } {
  const outputs: T.Tensor[] = [];
  const moves: (() => void)[] = [];
  let penalty: T.Tensor = tf.scalar(0);
  graph.nodes.forEach((node, stream) => {
    const { layer, options } = node;
    if (layer.kind === "dropout") {
      const { rate } = options as { rate: number };
      outputs.push(training ? tf.dropout(outputs[node.inputs[0]], rate) : outputs[node.inputs[0]]);
      return;
    }
    const xs = layer.kind === "input" ? [x] : node.inputs.map((index) => outputs[index]);
    const parameters = Object.fromEntries(
      Object.keys(node.specs).map((name) => [name, weights.get(`${node.name}/${snakeCase(name)}`)!]),
    );
    const { y, statistics } = applyLayer(tf, {
      layer,
      options,
      xs,
      parameters,
      training,
      stream,
      seed: 0,
      step: 0,
    });
    outputs.push(y);
    if (training && statistics) {
      const { momentum } = options as { momentum: number };
      const { movingMean, movingVariance } = parameters;
      const move = (variable: T.Variable, batch: T.Tensor) =>
        variable.assign(tf.add(tf.mul(variable, momentum), tf.mul(batch, 1 - momentum)));
      moves.push(() => {
        move(movingMean, statistics.mean);
        move(movingVariance, statistics.variance);
      });
    }
    for (const [name, { l2 }] of Object.entries(node.specs)) {
      if (training && l2) penalty = tf.add(penalty, tf.mul(l2, tf.sum(tf.square(parameters[name]))));
    }
  });
  return { logits: outputs[graph.output], penalty, moves };
}
