/** Keras' layers as ours: which classes, and which of their options mean something that we do not have. */
import type { ErrorCode } from "../errorCodes.js";
import { show } from "../errors.js";

export type Json = Readonly<Record<string, unknown>>;
export type Fail = (what: string, code: ErrorCode) => Error;

export interface Translated {
  readonly kind: string;
  readonly options: Json;
  readonly trainable: boolean;
  /** Weights that Keras' layer does not have, since they would be all ones or zeros. */
  readonly absent: readonly string[];
  /** Must be the last one; with the batch's. */
  readonly axis?: number;
  /** What training would miss. Predictions are the same. */
  readonly remarks: readonly string[];
}

interface Translation {
  readonly kind: string;
  /** Options that are taken over, under our names. */
  readonly taken?: Readonly<Record<string, string>>;
  /** Options that must have this value (or be null, or not be there). */
  readonly fixed?: Json;
  /** Options of ours that follow from the class. */
  readonly extra?: Json;
}

/** Whatever they are, they change no number. */
const IGNORED = new Set(
  [
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "batch_shape",
    "input_dtype",
    "sparse",
    "ragged",
  ].concat(
    ["optional", "seed", "fused", "is_graph_network", "module", "registered_name"],
    ["kernel_initializer", "bias_initializer", "gamma_initializer", "beta_initializer"],
    ["moving_mean_initializer", "moving_variance_initializer", "input_spec", "build_config"],
    ["renorm_momentum"], // of renorm, which must be false
  ),
);
const REGULARIZERS: Readonly<Record<string, string>> = {
  kernel_regularizer: "kernelRegularizer",
  bias_regularizer: "biasRegularizer",
  gamma_regularizer: "gammaRegularizer",
  beta_regularizer: "betaRegularizer",
};
/** They matter to training alone. */
const TRAINING_ONLY =
  /^(activity_regularizer|(kernel|bias|gamma|beta)_constraint|lora_rank|lora_alpha|quantization_config)$/;

const LAST = { data_format: "channels_last" };
const WINDOW = { pool_size: "poolSize", strides: "strides", padding: "padding" };
const LINEAR = { activation: "activation", use_bias: "useBias" };

export const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  Conv2D: {
    kind: "conv2d",
    taken: {
      filters: "filters",
      kernel_size: "kernelSize",
      strides: "strides",
      padding: "padding",
      ...LINEAR,
    },
    fixed: { ...LAST, dilation_rate: 1, groups: 1 },
  },
  Dense: { kind: "dense", taken: { units: "units", ...LINEAR } },
  Activation: { kind: "activation", taken: { activation: "activation" } },
  ReLU: {
    kind: "activation",
    fixed: { max_value: null, negative_slope: 0, threshold: 0 },
    extra: { activation: "relu" },
  },
  Softmax: { kind: "activation", extra: { activation: "softmax" } },
  // Keras 3 has its own name for what Keras 2 and tfjs call alpha.
  LeakyReLU: { kind: "leaky_re_lu", taken: { alpha: "alpha", negative_slope: "alpha" } },
  BatchNormalization: {
    kind: "batch_normalization",
    taken: { momentum: "momentum", epsilon: "epsilon" },
    fixed: { renorm: false, virtual_batch_size: null, synchronized: false },
  },
  MaxPooling2D: { kind: "max_pooling2d", taken: WINDOW, fixed: LAST },
  AveragePooling2D: { kind: "average_pooling2d", taken: WINDOW, fixed: LAST },
  GlobalAveragePooling2D: { kind: "global_average_pooling2d", fixed: { ...LAST, keepdims: false } },
  Dropout: { kind: "dropout", taken: { rate: "rate" } },
  Flatten: { kind: "flatten", fixed: LAST },
  Add: { kind: "add" },
  Concatenate: { kind: "concatenate" },
};
const WITH_AXIS = new Set(["Softmax", "BatchNormalization", "Concatenate"]);

/** @param where  the layer, for messages @throws what `fail` makes, for the first thing that has no counterpart here */
export function translate(className: string, config: Json, where: string, fail: Fail): Translated {
  // Own names only: "constructor" is no layer.
  if (!Object.hasOwn(TRANSLATIONS, className)) {
    const known = Object.keys(TRANSLATIONS).join(", ");
    throw fail(`${where} is a layer that cbapd does not have. It has ${known}`, "KERAS_LAYER");
  }
  const { kind, taken = {}, fixed = {}, extra = {} } = TRANSLATIONS[className];
  const options: Record<string, unknown> = { ...extra };
  const remarks: string[] = [];
  const absent: string[] = [];
  let axis: number | undefined;
  checkType(config.dtype, where, fail);
  if (config.trainable === false)
    remarks.push(`${where}: trainable is false there; here it would be trained`);
  for (const [key, value] of Object.entries(config)) {
    if (IGNORED.has(key)) continue;
    if (Object.hasOwn(taken, key)) {
      if (key === "activation") options.activation = activationOf(value, where, fail);
      else if (value !== null) options[taken[key]] = value;
    } else if (Object.hasOwn(REGULARIZERS, key)) {
      const l2 = regularizerOf(value, `${where}: its ${key}`, remarks, fail);
      if (l2 !== undefined) options[REGULARIZERS[key]] = { l2 };
    } else if (TRAINING_ONLY.test(key)) {
      if (value !== null) remarks.push(`${where}: ${key} is left out, which only training would notice`);
    } else if (key === "axis" && WITH_AXIS.has(className)) {
      axis = axisOf(value, where, fail);
    } else if ((key === "scale" || key === "center") && className === "BatchNormalization") {
      if (value === false) absent.push(key === "scale" ? "gamma" : "beta");
    } else if (!fits(value, fixed[key])) {
      throw fail(`${where} has ${key} ${show(value)}, which cbapd does not have`, "KERAS_OPTION");
    }
  }
  return { kind, options, trainable: config.trainable !== false, absent, axis, remarks };
}

/** Not there, switched off, or what we do anyway: `1` stands for `[1, 1]` too. */
function fits(value: unknown, fixed: unknown): boolean {
  if (value === null || value === false || value === fixed) return true;
  return Array.isArray(value) && value.length > 0 && value.every((item) => item === fixed);
}

/** "float32", or how Keras 3 writes it. */
function checkType(dtype: unknown, where: string, fail: Fail): void {
  const name = isObject(dtype) ? (isObject(dtype.config) ? dtype.config.name : undefined) : dtype;
  if (dtype === undefined || dtype === null || name === "float32") return;
  throw fail(`${where} computes in ${show(name ?? dtype)}; cbapd in float32 alone`, "KERAS_OPTION");
}

/** A name, or an object that holds one. */
function activationOf(value: unknown, where: string, fail: Fail): string {
  const name = isObject(value) ? (typeof value.config === "string" ? value.config : value.class_name) : value;
  if (name === null || name === undefined) return "linear";
  if (typeof name === "string") {
    const known = ["linear", "relu", "sigmoid", "tanh", "softmax"].find(
      (activation) => activation === name.toLowerCase(),
    );
    if (known) return known;
  }
  throw fail(`${where} has the activation ${show(name)}, which cbapd does not have`, "KERAS_OPTION");
}

function axisOf(value: unknown, where: string, fail: Fail): number {
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (Number.isInteger(axis)) return axis as number;
  throw fail(`${where} has axis ${show(value)}; cbapd takes the last one`, "KERAS_OPTION");
}

/** Its l2; undefined where there is none. */
function regularizerOf(value: unknown, where: string, remarks: string[], fail: Fail): number | undefined {
  if (value === null) return undefined;
  const config = isObject(value) && isObject(value.config) ? value.config : undefined;
  const { l2 = 0, l1 = 0 } = config ?? {};
  if (!config || typeof l2 !== "number" || !(l2 >= 0 && l2 < Number.POSITIVE_INFINITY)) {
    throw fail(`${where} is no L1 or L2: ${show(value)}`, "KERAS_OPTION");
  }
  if (l1 !== 0) remarks.push(`${where} has an L1 part, which is left out; only training would notice`);
  return l2 === 0 ? undefined : l2;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
