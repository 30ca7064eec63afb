/** The foreign oracle: the same results as `runLayer` and `runNetwork`, by the same names, from tfjs. */

import type * as T from "@tensorflow/tfjs";
import { loadTfjs } from "#tfjs";
import { snakeCase } from "../../layers/layer.js";
import { type GraphNode, weightSpecs } from "../../models/graph.js";
import { INPUT, withLogits } from "../../models/run.js";
import { type NDArray, ndarray } from "../../reference/ndarray.js";
import { adamLearningRate } from "../../reference/optimizer.js";
import type { StepOptions } from "../engine.js";
import { gradientName, type LayerCase, type LayerValues, type Results } from "../layer.js";
import type { NetworkCase } from "../network.js";
import { applyLayer } from "./layers.js";
import type { OracleBackend, Tfjs } from "./load.js";
import { wasmIsWrong } from "./trust.js";
import { useBackend } from "./useBackend.js";

export interface Oracle {
  readonly backend: OracleBackend;
  readonly version: string;
  layer(given: LayerCase, values: LayerValues, at?: StepOptions): Results;
  network(given: NetworkCase): Results;
}

/** Undefined when tfjs is not installed. */
export async function openOracle(backend: OracleBackend = "wasm"): Promise<Oracle | undefined> {
  const tf = await loadTfjs();
  if (!tf) return undefined;
  const inScope = (chosen: OracleBackend, run: () => Results): Results => {
    useBackend(tf, chosen);
    tf.engine().startScope();
    try {
      return run();
    } finally {
      tf.engine().endScope();
    }
  };
  return {
    backend,
    version: tf.version.tfjs,
    layer: (given, values, at) =>
      inScope(wasmIsWrong(given) ? "cpu" : backend, () => layerResults(tf, given, values, at)),
    network: (given) => inScope(backend, () => networkResults(tf, given)),
  };
}

function layerResults(
  tf: Tfjs,
  { layer, options, inputs, training }: LayerCase,
  values: LayerValues,
  { seed = 0, step = 0 }: StepOptions = {},
): Results {
  const specs = layer.parameterSpecs(inputs, options);
  const moving = Object.keys(specs).filter((name) => !specs[name].trainable);
  const trainable = Object.keys(specs).filter((name) => specs[name].trainable);
  const fixed = Object.fromEntries(moving.map((name) => [name, put(tf, values.parameters[name])]));
  const dY = put(tf, values.dY);
  const results: Results = new Map();
  // Called twice: for y, and by tf.grads.
  const project = (...tensors: T.Tensor[]) => {
    const xs = tensors.slice(0, values.xs.length);
    const parameters = { ...fixed };
    trainable.forEach((name, i) => {
      parameters[name] = tensors[values.xs.length + i];
    });
    const { y, statistics } = applyLayer(tf, {
      layer,
      options,
      xs,
      parameters,
      training,
      stream: 0,
      seed,
      step,
    });
    results.set("y", get(y));
    if (statistics) {
      const { momentum } = options as { momentum: number };
      results.set("after/moving_mean", moved(tf, fixed.movingMean, statistics.mean, momentum));
      results.set("after/moving_variance", moved(tf, fixed.movingVariance, statistics.variance, momentum));
    } else {
      for (const name of moving) results.set(`after/${snakeCase(name)}`, values.parameters[name]);
    }
    return tf.sum(tf.mul(y, dY)) as T.Scalar;
  };
  const variables = [...values.xs, ...trainable.map((name) => values.parameters[name])].map((v) =>
    put(tf, v),
  );
  const gradients = tf.grads(project)(variables);
  const several = values.xs.length > 1;
  const names = [...values.xs.map((_, i) => (several ? `dX${i}` : "dX")), ...trainable.map(gradientName)];
  for (const [i, name] of names.entries()) results.set(name, get(gradients[i]));
  return results;
}

/**
 * Adam in Keras' form, lr_t·m/(√v + ε): tfjs' own optimizer puts epsilon after the bias correction, so only its arithmetic is used.
 */
function networkResults(tf: Tfjs, given: NetworkCase): Results {
  const { graph, x, labels, steps, adam } = given;
  const specs = weightSpecs(graph);
  const trainable = specs.filter((spec) => spec.trainable).map(({ name }) => name);
  const weights = new Map(Array.from(given.weights, ([name, value]) => [name, put(tf, value)]));
  const [m, v] = [new Map<string, T.Tensor>(), new Map<string, T.Tensor>()];
  const images = put(tf, x);
  const results: Results = new Map();
  for (let step = 0; step < Math.max(steps, 1); step++) {
    const found = step === 0 ? results : (new Map() as Results);
    const statistics: Results = new Map();
    const loss = (...tensors: T.Tensor[]) => {
      const all = new Map(weights);
      for (const [i, name] of trainable.entries()) all.set(name, tensors[i + 1]);
      return forward(tf, given, { x: tensors[0], weights: all, labels, step, found, statistics });
    };
    const gradients = tf.grads(loss)([images, ...trainable.map((name) => weights.get(name)!)]);
    found.set(`gradients/${INPUT}`, get(gradients[0]));
    for (const [i, name] of trainable.entries()) found.set(`gradients/${name}`, get(gradients[i + 1]));
    if (steps === 0) break;
    const rate = adamLearningRate(adam.learningRate, step + 1, adam.beta1, adam.beta2);
    trainable.forEach((name, i) => {
      const g = gradients[i + 1];
      const average = (old: T.Tensor | undefined, value: T.Tensor, beta: number) =>
        tf.add(tf.mul(old ?? tf.zerosLike(value), beta), tf.mul(value, 1 - beta));
      m.set(name, average(m.get(name), g, adam.beta1));
      v.set(name, average(v.get(name), tf.square(g), adam.beta2));
      const change = tf.div(tf.mul(m.get(name)!, rate), tf.add(tf.sqrt(v.get(name)!), adam.epsilon));
      weights.set(name, tf.sub(weights.get(name)!, change));
    });
    for (const [name, value] of statistics) weights.set(name, put(tf, value));
    for (const { name } of specs) results.set(`after/${step + 1}/${name}`, get(weights.get(name)!));
  }
  return results;
}

interface Pass {
  readonly x: T.Tensor;
  readonly weights: ReadonlyMap<string, T.Tensor>;
  readonly labels: NDArray;
  readonly step: number;
  /** Logits, probabilities and loss go here. */
  readonly found: Results;
  /** The moving statistics after this pass. */
  readonly statistics: Results;
}

/** The batch's mean loss, L2 included. */
function forward(tf: Tfjs, { graph, seed }: NetworkCase, pass: Pass): T.Scalar {
  const { graph: trained } = withLogits(graph);
  const outputs: T.Tensor[] = [];
  let penalty: T.Tensor = tf.scalar(0);
  trained.nodes.forEach((node, stream) => {
    const xs = node.layer.kind === "input" ? [pass.x] : node.inputs.map((index) => outputs[index]);
    const parameters = Object.fromEntries(
      Object.keys(node.specs).map((name) => [name, pass.weights.get(weightName(node, name))!]),
    );
    const { layer, options } = node;
    const at = { stream, seed, step: pass.step, training: true };
    const { y, statistics } = applyLayer(tf, { layer, options, xs, parameters, ...at });
    outputs.push(y);
    if (statistics) {
      const { momentum } = options as { momentum: number };
      const { movingMean, movingVariance } = parameters;
      pass.statistics.set(weightName(node, "movingMean"), moved(tf, movingMean, statistics.mean, momentum));
      const variance = moved(tf, movingVariance, statistics.variance, momentum);
      pass.statistics.set(weightName(node, "movingVariance"), variance);
    }
    for (const [name, { l2 }] of Object.entries(node.specs)) {
      if (l2) penalty = tf.add(penalty, tf.mul(l2, tf.sum(tf.square(parameters[name]))));
    }
  });
  const logits = outputs[trained.output] as T.Tensor2D;
  const indices = tf.tensor1d(Int32Array.from(pass.labels.data), "int32");
  const chosen = tf.sum(tf.mul(logits, tf.oneHot(indices, logits.shape[1])), 1);
  const loss = tf.add(tf.mean(tf.sub(tf.logSumExp(logits, 1), chosen)), penalty) as T.Scalar;
  pass.found.set("logits", get(logits));
  pass.found.set("probabilities", get(tf.softmax(logits)));
  pass.found.set("loss", get(loss));
  return loss;
}

function weightName({ name }: GraphNode, parameter: string): string {
  return `${name}/${snakeCase(parameter)}`;
}

function moved(tf: Tfjs, old: T.Tensor, batch: T.Tensor, momentum: number): NDArray {
  return get(tf.add(tf.mul(old, momentum), tf.mul(batch, 1 - momentum)));
}

function put(tf: Tfjs, { shape, data }: NDArray): T.Tensor {
  return tf.tensor(Float32Array.from(data), [...shape]);
}

function get(tensor: T.Tensor): NDArray {
  return ndarray(tensor.shape, tensor.dataSync());
}
