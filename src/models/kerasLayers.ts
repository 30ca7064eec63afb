/**
 * How Keras spells the layers that we have: for each class which of its options is which of ours, in both directions. What an
 * option must be because we have nothing else (`dilation_rate` 1, no constraint) stands here too, so that no option is passed over.
 */
import { show } from "../errors.js";

export type Json = Readonly<Record<string, unknown>>;

/** One of Keras' options. */
export interface KerasOption {
  /** What it is called here; without it the option has only one value that we can do. */
  readonly ours?: string;
  /** Keras' value to ours. @throws RangeError that says what it must be */
  read(value: unknown): unknown;
  /** Ours to Keras'. */
  write(value: unknown): unknown;
}

export interface KerasClass {
  readonly kind: string;
  readonly options: Readonly<Record<string, KerasOption>>;
  /** Our options that the class itself stands for: `ReLU`. */
  readonly implied?: Json;
}

const same = (ours: string): KerasOption => ({ ours, read: (value) => value, write: (value) => value });

/** The option must be this, or be left out. */
function only(...values: readonly unknown[]): KerasOption {
  return {
    read(value) {
      if (values.some((known) => show(known) === show(value))) return value;
      throw new RangeError(`be ${values.map(show).join(" or ")}`);
    },
    write: () => values[0],
  };
}

/** Whatever it is, it changes nothing here: our random numbers are our own. */
const ignored: KerasOption = { read: (value) => value, write: () => null };

const INITIALIZERS: Readonly<Record<string, string>> = {
  GlorotUniform: "glorotUniform",
  HeUniform: "heUniform",
  Zeros: "zeros",
  Ones: "ones",
};

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Ours, from a name in either spelling, an object, or the VarianceScaling that glorot and he are. */
function initializerName(value: unknown): string | undefined {
  const given = typeof value === "string" ? { class_name: value } : value;
  if (!isJson(given)) return undefined;
  const { class_name: name, config } = given;
  if (name === "VarianceScaling" && isJson(config) && config.distribution === "uniform") {
    if (config.scale === 1 && config.mode === "fan_avg") return "glorotUniform";
    if (config.scale === 2 && config.mode === "fan_in") return "heUniform";
  }
  return Object.entries(INITIALIZERS).find(([keras]) => name === keras || name === snake(keras))?.[1];
}

const snake = (name: string): string => name.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();

function initializer(ours: string): KerasOption {
  return {
    ours,
    read(value) {
      const known = initializerName(value);
      if (known) return known;
      throw new RangeError(`be one of ${Object.keys(INITIALIZERS).join(", ")}`);
    },
    write: (value) => initializerObject(Object.entries(INITIALIZERS).find(([, name]) => name === value)![0]),
  };
}

function initializerObject(className: string): Json {
  const config = className.endsWith("Uniform") ? { seed: null } : {};
  return { module: "keras.initializers", class_name: className, config, registered_name: null };
}

/** Zeros or ones, as batch normalisation always begins. */
function begins(className: "Zeros" | "Ones"): KerasOption {
  return {
    read(value) {
      if (initializerName(value) === INITIALIZERS[className]) return value;
      throw new RangeError(`be ${className}`);
    },
    write: () => initializerObject(className),
  };
}

function regularizer(ours: string): KerasOption {
  return {
    ours,
    read(value) {
      if (value === null) return undefined;
      if (isJson(value) && isJson(value.config) && /^(L2|L1L2|l2|l1_l2)$/.test(String(value.class_name))) {
        const { l1 = 0, l2 = 0 } = value.config;
        if (l1 === 0 && typeof l2 === "number") return l2 === 0 ? undefined : { l2 };
      }
      throw new RangeError("be L2, or none");
    },
    write(value) {
      const rate = (value as { l2?: number } | undefined)?.l2;
      if (rate === undefined) return null;
      return { module: "keras.regularizers", class_name: "L2", config: { l2: rate }, registered_name: null };
    },
  };
}

/** The axis of the channels, which is always the last: its number depends on the input's rank, and is checked when that is known. */
export const AXIS = "axis";
const axis: KerasOption = {
  read(value) {
    const [number, ...more] = [value].flat();
    if (typeof number === "number" && Number.isInteger(number) && more.length === 0) return number;
    throw new RangeError("be the last axis");
  },
  write: () => -1,
};

const none = only(null);
const kernelAndBias: KerasClass["options"] = {
  activation: same("activation"),
  use_bias: same("useBias"),
  kernel_initializer: initializer("kernelInitializer"),
  bias_initializer: initializer("biasInitializer"),
  kernel_regularizer: regularizer("kernelRegularizer"),
  bias_regularizer: regularizer("biasRegularizer"),
  activity_regularizer: none,
  kernel_constraint: none,
  bias_constraint: none,
};
const channelsLast = only("channels_last");
const pooling: KerasClass["options"] = {
  pool_size: same("poolSize"),
  padding: same("padding"),
  strides: { ours: "strides", read: (value) => value ?? undefined, write: (value) => value },
  data_format: channelsLast,
};

export const KERAS_CLASSES: Readonly<Record<string, KerasClass>> = {
  Conv2D: {
    kind: "conv2d",
    options: {
      filters: same("filters"),
      kernel_size: same("kernelSize"),
      strides: same("strides"),
      padding: same("padding"),
      data_format: channelsLast,
      dilation_rate: only([1, 1], 1, [1]),
      groups: only(1),
      ...kernelAndBias,
    },
  },
  Dense: { kind: "dense", options: { units: same("units"), ...kernelAndBias } },
  Activation: { kind: "activation", options: { activation: same("activation") } },
  // Keras 3 has a name of its own for what Keras 2 and tfjs call alpha: whoever reads it finds one that it knows.
  LeakyReLU: { kind: "leaky_re_lu", options: { negative_slope: same("alpha"), alpha: same("alpha") } },
  Dropout: { kind: "dropout", options: { rate: same("rate"), noise_shape: none, seed: ignored } },
  BatchNormalization: {
    kind: "batch_normalization",
    options: {
      axis,
      momentum: same("momentum"),
      epsilon: same("epsilon"),
      center: only(true),
      scale: only(true),
      beta_initializer: begins("Zeros"),
      gamma_initializer: begins("Ones"),
      moving_mean_initializer: begins("Zeros"),
      moving_variance_initializer: begins("Ones"),
      beta_regularizer: regularizer("betaRegularizer"),
      gamma_regularizer: regularizer("gammaRegularizer"),
      beta_constraint: none,
      gamma_constraint: none,
      synchronized: only(false),
      renorm: only(false),
      renorm_clipping: none,
      renorm_momentum: ignored,
    },
  },
  MaxPooling2D: { kind: "max_pooling2d", options: pooling },
  AveragePooling2D: { kind: "average_pooling2d", options: pooling },
  GlobalAveragePooling2D: {
    kind: "global_average_pooling2d",
    options: { data_format: channelsLast, keepdims: only(false) },
  },
  Flatten: { kind: "flatten", options: { data_format: only("channels_last", null) } },
  Add: { kind: "add", options: {} },
  Concatenate: { kind: "concatenate", options: { axis } },
  ReLU: {
    kind: "activation",
    implied: { activation: "relu" },
    options: { max_value: none, negative_slope: only(0), threshold: only(0) },
  },
  Softmax: { kind: "activation", implied: { activation: "softmax" }, options: { axis } },
};

/** What every layer may say beside its own options, but for those that are read elsewhere. */
export const COMMON: Readonly<Record<string, KerasOption>> = {
  dtype: {
    read(value) {
      const policy = isJson(value) && isJson(value.config) ? value.config.name : value;
      if (policy === "float32" || policy === null) return value;
      throw new RangeError('be "float32"');
    },
    write: () => "float32",
  },
  autocast: ignored,
  quantization_config: none,
  sparse: only(false),
  ragged: only(false),
  optional: only(false),
};

/** Options of ours that Keras has not, and what they must be so that it can have the layer. */
export const NOT_IN_KERAS: Readonly<Record<string, Json>> = { batch_normalization: { statistics: "batch" } };
