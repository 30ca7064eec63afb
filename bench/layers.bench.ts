/**
 * Each distinct layer of the six networks, batch 32, one core, forward and backward: milliseconds and, where the layer counts
 * FLOPs, GFLOP/s and the share of the machine's peak at that moment. A convolution's or dense layer's backward counts twice its forward. The
 * result is held against the reference first, on a small batch, with the tolerances of the layer's description.
 * FILTER=text chooses lines.
 */
import { wasmBackend } from "../src/backend/wasm/backend.js";
import { Recorder } from "../src/backend/wasm/recorder.js";
import { snakeCase } from "../src/layers/layer.js";
import { NETWORK_NAMES, NETWORKS } from "../src/models/networks.js";
import { compare } from "../src/verify/chain.js";
import { type LayerDescription, outputShape, specsOf } from "../src/verify/description.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import { referenceEngine, wasmEngine } from "../src/verify/engine.js";
import { type LayerCase, runLayer } from "../src/verify/layer.js";
import { Machine } from "../src/verify/machine.js";
import { randomValues } from "../test/support/arrays.js";
import { Core } from "../test/support/kernels.js";
import { Program } from "../test/support/recording.js";
import { bestSeconds, share } from "./support/measure.js";

const BATCH = 32;
const CHECKED_IMAGES = 1;

const machine = await Machine.open();
const seen = new Set<string>();

for (const network of NETWORK_NAMES) {
  for (const { layer, options, inputShapes } of NETWORKS[network]().nodes) {
    const description = DESCRIPTIONS.find(({ name }) => snakeCase(name) === layer.kind);
    const shapes = inputShapes.map((shape) => shape.join("×")).join(" ");
    const name = `${layer.kind} ${shapes} ${brief(options)}`;
    if (!description || seen.has(name) || !name.includes(process.env.FILTER ?? "")) continue;
    seen.add(name);
    const given = { layer, options, inputs: inputShapes, batch: BATCH, training: true };
    check(description, { ...given, batch: CHECKED_IMAGES });
    console.log(name.padEnd(78), measure(given));
  }
}

/** Options that tell layers of one kind apart: `filters 64 kernelSize 3,3`. */
function brief(options: object): string {
  const dull = /Initializer|Regularizer|momentum|epsilon|shape|useBias/;
  return Object.entries(options)
    .filter(([key, value]) => !dull.test(key) && value !== undefined && value !== "linear")
    .map(([key, value]) => `${key} ${value}`)
    .join(" ");
}

/** @throws CbapdError when a result is wrong */
function check(description: LayerDescription, given: LayerCase): void {
  const values = description.values(given, 1);
  const expected = runLayer(referenceEngine(), given, values);
  const tolerances = description.tolerances(given, values, expected);
  // A unit may lie near relu's kink at these sizes: then its gradients are left to the tests, which choose cases without.
  const margin = description.margin?.(given, values) ?? Number.POSITIVE_INFINITY;
  const compared = margin > 1e-5 ? expected : new Map([["y", expected.get("y")!]]);
  compare(runLayer(wasmEngine(machine), given, values), compared, tolerances, () => {});
}

function measure(given: LayerCase): string {
  const { layer, options, inputs } = given;
  const recorder = new Recorder();
  const backend = wasmBackend(recorder);
  const xs = inputs.map((shape) => recorder.tensor([BATCH, ...shape]));
  const parameters = Object.fromEntries(
    Object.entries(specsOf(given)).map(([name, { shape }]) => [name, recorder.tensor(shape)]),
  );
  const { cache } = layer.forward(backend, xs, parameters, options, { training: true, stream: 0 });
  const forward = recorder.instructions.length;
  const dY = recorder.tensor([BATCH, ...outputShape(given)]);
  layer.backward(backend, dY, parameters, cache, options, { dX: true, inputs });
  if (recorder.instructions.length === 0) return "nothing to compute";

  const program = new Program(new Core(), recorder);
  for (const [i, tensor] of [...xs, ...Object.values(parameters), dY].entries()) {
    const count = tensor.shape.reduce((product, size) => product * size, 1);
    program.write(
      tensor,
      randomValues(count, i).map((value) => 1 + value / 2),
    ); // positive, as variances must be
  }
  program.run();
  const flops = BATCH * layer.flops(inputs, options);
  const weighted = layer.kind === "conv2d" || layer.kind === "dense";
  const parts = [
    ["forward", flops, bestSeconds(() => program.run(1, undefined, [0, forward]))],
    [
      "backward",
      weighted ? 2 * flops : 0,
      bestSeconds(() => program.run(1, undefined, [forward, Number.POSITIVE_INFINITY])),
    ],
  ] as const;
  return parts
    .map(([part, count, seconds]) => {
      const rate = weighted ? ` ${share(count, seconds)}` : "";
      return `${part} ${(1000 * seconds).toFixed(3).padStart(8)} ms${rate}`;
    })
    .join("   ");
}
