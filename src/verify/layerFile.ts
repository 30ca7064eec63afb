/** Layer cases: one layer with its inputs, parameters and upstream gradient, or a part that is no layer. */
import * as z from "zod";
import { OptionError, rejectUnknownKeys, show, unknownName } from "../errors.js";
import { parseStrictJson } from "../formats/json.js";
import { KINDS } from "../layers/index.js";
import { type InputShapes, type Layer, snakeCase } from "../layers/layer.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sizeOf } from "../shape.js";
import type { FileCase, LayerFileCase, PartFileCase } from "./caseFile.js";
import { CaseError, type CaseSource, camelCase } from "./caseSource.js";
import { wholeNumber } from "./entries.js";
import { gradientName } from "./layer.js";

const schema = z.object({
  options: z.string().default("{}"),
  seed: wholeNumber.default(0),
  step: wholeNumber.default(0),
});

const KEYS = ["layer", ...Object.keys(schema.shape)];

/** What is no layer, by the name that it has in a case file. */
const PARTS = {
  softmaxCrossEntropy: readLoss,
  adam: readAdam,
  l2: readL2,
} as const;

type Options = Readonly<Record<string, unknown>>;

/** @throws CaseError, OptionError, ShapeError */
export function readLayerCase(source: CaseSource): FileCase {
  const name = source.text("layer");
  const parsed = schema.safeParse(source.metadata(KEYS));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new CaseError(`metadata ${show(issue.path.join("."))}: ${issue.message}.`, {
      code: "CASE_METADATA",
    });
  }
  const { options, seed, step } = parsed.data;
  const given = parseOptions(options);
  const layers = Object.values(KINDS).filter(({ kind }) => kind !== "input");
  const layer = layers.find(({ kind }) => plain(kind) === plain(name));
  if (layer) return readLayer(source, layer, given, seed, step);
  const part = Object.entries(PARTS).find(([known]) => plain(known) === plain(name));
  if (part) return part[1](source, given);
  const known = [...layers.map(({ kind }) => camelCase(kind)), ...Object.keys(PARTS)];
  throw new CaseError(unknownName("layer", name, known), { code: "CASE_METADATA" });
}

/** maxPooling2d, max_pooling2d and MaxPooling2D are one name. */
const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();

/** An option is a number, a pair, text, or at most `{ "l2": 0.01 }`. */
const MAX_DEPTH = 2;

/** JSON; Keras' kernel_size is kernelSize. */
function parseOptions(text: string): Options {
  const refuse = () =>
    new CaseError(`metadata "options" must be a JSON object; got ${show(text)}.`, { code: "CASE_OPTIONS" });
  const parsed = parseStrictJson(text, MAX_DEPTH, refuse);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw refuse();
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [camelCase(key), value]));
}

/** float64 values that a case may need for its output: 128 MB. The tensors of a small file can multiply to any size. */
const MAX_OUTPUT = 2 ** 24;

function readLayer(
  source: CaseSource,
  layer: Layer,
  given: Options,
  seed: number,
  step: number,
): LayerFileCase {
  const { kind } = layer;
  const xs = takeInputs(source, layer.joins ?? false);
  const [batch] = xs[0].shape;
  const inputs: InputShapes = xs.map(({ shape }) => shape.slice(1));
  const other = xs.find(({ shape }) => shape[0] !== batch);
  if (other) {
    throw new CaseError(`all inputs must have ${batch} images; got shape ${show(other.shape)}.`, {
      code: "CASE_TENSOR_SHAPE",
    });
  }
  const { training = true, ...layerOptions } = given;
  if (typeof training !== "boolean")
    throw new CaseError(`option "training" must be true or false; got ${show(training)}.`, {
      code: "CASE_OPTIONS",
    });
  for (const option of Object.keys(given).filter((name) => name.endsWith("Regularizer"))) {
    source.warnings.push(`${option} is not part of a layer's own gradient: check it as a layer "l2".`);
  }
  const options = layer.options({ ...impliedOptions(source, kind), ...layerOptions });
  const output: Shape = [batch, ...layer.outputShape(inputs, options, kind)];
  if (!(sizeOf(output) <= MAX_OUTPUT)) {
    throw new CaseError(`the output would have shape ${show(output)}, more than ${MAX_OUTPUT} values.`, {
      code: "CASE_TOO_LARGE",
    });
  }
  const specs = layer.parameterSpecs(inputs, options);
  const parameters = Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => {
      const spelled = source.shapeOf(name) ? name : snakeCase(name);
      return [name, source.take(spelled, shape, `${kind} on input ${show(inputs[0])}`)];
    }),
  );
  const mask = kind === "dropout" ? source.takeIfThere("mask", output) : undefined;
  const dY = source.takeIfThere("dY", output, `${kind}'s output`);

  const shapes = new Map<string, Shape>([["y", output]]);
  const backward: string[] = [];
  xs.forEach(({ shape }, i) => {
    const name = xs.length === 1 ? "dX" : `dX${i}`;
    shapes.set(name, shape);
    backward.push(name);
  });
  for (const [name, { shape, trainable }] of Object.entries(specs)) {
    shapes.set(trainable ? gradientName(name) : `after/${snakeCase(name)}`, shape);
    if (trainable) backward.push(gradientName(name));
  }
  const expected = source.takeExpected(shapes, (name) =>
    name.startsWith("after/") ? snakeCase(name) : name,
  );
  const needs = backward.find((name) => expected.has(name));
  if (needs && !dY)
    throw new CaseError(`tensor "dY" of shape ${show(output)} is missing: ${needs} follows from it.`, {
      code: "CASE_TENSOR_MISSING",
    });
  const concerns = new Set([kind]);
  if ((options as { activation?: string }).activation) concerns.add("activation");
  return {
    kind: "layer",
    title: `${camelCase(kind)} on ${xs.map(({ shape }) => show(shape)).join(", ")}`,
    expected,
    concerns,
    warnings: source.warnings,
    given: { layer, options, inputs, batch, training },
    values: { xs, parameters, dY: dY ?? ndarray(output) },
    mask,
    seed,
    step,
  };
}

function takeInputs(source: CaseSource, several: boolean): NDArray[] {
  const names = several
    ? source
        .names()
        .filter((name) => /^x\d+$/.test(name))
        .map((_, i) => `x${i}`)
    : ["x"];
  if (names.length === 0) {
    throw new CaseError('tensors "x0", "x1", … are missing.', { code: "CASE_TENSOR_MISSING" });
  }
  return names.map((name) => {
    const x = source.take(name);
    if (x.shape.length >= 2 && x.data.length > 0) return x;
    throw new CaseError(`tensor ${show(name)} must have shape [batch, …]; got ${show(x.shape)}.`, {
      code: "CASE_TENSOR_SHAPE",
    });
  });
}

/** What the parameters' shapes say already need not be said again. */
function impliedOptions(source: CaseSource, kind: string): Options {
  const kernel = source.shapeOf("kernel");
  if (!kernel) return {};
  const useBias = source.shapeOf("bias") !== undefined;
  if (kind === "conv2d") return { kernelSize: kernel.slice(0, 2), filters: kernel[3], useBias };
  return kind === "dense" ? { units: kernel[1], useBias } : {};
}

function readLoss(source: CaseSource, options: Options): PartFileCase {
  rejectUnknownKeys("softmaxCrossEntropy", options, []);
  const logits = source.take("x");
  if (logits.shape.length !== 2)
    throw new CaseError(`tensor "x" must have shape [batch, classes]; got ${show(logits.shape)}.`, {
      code: "CASE_TENSOR_SHAPE",
    });
  const [images, classes] = logits.shape;
  const labels = source.takeLabels("labels", images, classes);
  const shapes = { probabilities: logits.shape, losses: [images], loss: [], dX: logits.shape };
  return part(source, "loss", { logits, labels }, shapes, `softmaxCrossEntropy on ${show(logits.shape)}`);
}

function readAdam(source: CaseSource, options: Options): PartFileCase {
  const keys = ["step", "learningRate", "beta1", "beta2", "epsilon"];
  rejectUnknownKeys("adam", options, keys);
  const at = { step: 1, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, ...options };
  for (const [key, value] of Object.entries(at)) {
    const fits = Number.isFinite(value) && value > 0 && (key !== "step" || Number.isInteger(value));
    if (!fits)
      throw new OptionError(
        `adam: ${key} must be a positive ${key === "step" ? "integer" : "number"}; got ${show(value)}.`,
      );
  }
  const weights = source.take("weights");
  const { shape } = weights;
  const gradients = source.take("gradients", shape, "as weights");
  const m = source.takeIfThere("m", shape, "as weights") ?? ndarray(shape);
  const v = source.takeIfThere("v", shape, "as weights") ?? ndarray(shape);
  const shapes = { "after/m": shape, "after/v": shape, "after/weights": shape };
  return part(source, "adam", { weights, m, v, gradients, at }, shapes, `adam, step ${at.step}`);
}

function readL2(source: CaseSource, options: Options): PartFileCase {
  rejectUnknownKeys("l2", options, ["l2"]);
  const { l2: rate = 0.01 } = options;
  if (!(typeof rate === "number" && rate >= 0))
    throw new OptionError(`l2: l2 must be a number ≥ 0; got ${show(rate)}.`);
  const kernel = source.take("kernel");
  return part(source, "l2", { kernel, rate }, { loss: [], dKernel: kernel.shape }, `l2(${rate})`);
}

function part<K extends PartFileCase["kind"]>(
  source: CaseSource,
  kind: K,
  given: Extract<PartFileCase, { kind: K }>["given"],
  shapes: Readonly<Record<string, Shape>>,
  title: string,
): PartFileCase {
  const expected = source.takeExpected(new Map(Object.entries(shapes)));
  const { warnings } = source;
  return { kind, given, expected, warnings, title, concerns: new Set([kind]) } as PartFileCase;
}
