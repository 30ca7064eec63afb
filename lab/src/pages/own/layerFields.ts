/** What can be set at each kind of layer. Whether a value makes sense the library says, in its own words. */
import type { LayerSpec } from "../../engine/protocol/network.js";

export type FieldKind = "number" | readonly string[];

const ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"];
const PADDINGS = ["valid", "same"];

export interface LayerField {
  readonly key: string;
  readonly kind: FieldKind;
  /** What the library takes when nothing is said. */
  readonly normal: string | number;
}

const window = (size: string, normal: number): LayerField[] => [
  { key: size, kind: "number", normal },
  { key: "strides", kind: "number", normal },
  { key: "padding", kind: PADDINGS, normal: "valid" },
];

export const LAYER_FIELDS: Readonly<Record<string, readonly LayerField[]>> = {
  conv2d: [
    { key: "filters", kind: "number", normal: "" },
    { key: "kernelSize", kind: "number", normal: "" },
    { key: "strides", kind: "number", normal: 1 },
    { key: "padding", kind: PADDINGS, normal: "valid" },
    { key: "activation", kind: ACTIVATIONS, normal: "linear" },
  ],
  batch_normalization: [],
  activation: [{ key: "activation", kind: ACTIVATIONS, normal: "" }],
  leaky_re_lu: [{ key: "alpha", kind: "number", normal: 0.3 }],
  max_pooling2d: window("poolSize", 2),
  average_pooling2d: window("poolSize", 2),
  global_average_pooling2d: [],
  dropout: [{ key: "rate", kind: "number", normal: "" }],
  flatten: [],
  dense: [
    { key: "units", kind: "number", normal: "" },
    { key: "activation", kind: ACTIVATIONS, normal: "linear" },
  ],
};
export const LAYER_KINDS = Object.keys(LAYER_FIELDS);

const FRESH: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  conv2d: { filters: 8, kernelSize: 3, padding: "same", activation: "relu" },
  activation: { activation: "relu" },
  dropout: { rate: 0.2 },
  dense: { units: 10, activation: "softmax" },
};

export function freshLayer(kind: string): LayerSpec {
  return { kind, ...FRESH[kind] };
}

/** "3" is 3, "3,5" is [3, 5], and what is no number goes to the library as it is, to be refused by it. */
export function optionOf(text: string, kind: FieldKind): unknown {
  if (kind !== "number") return text;
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.some(Number.isNaN)) return text.trim() === "" ? undefined : text;
  return numbers.length === 1 ? numbers[0] : numbers;
}

export function textOf(value: unknown): string {
  return value === undefined ? "" : String(value);
}

/** Without what would be so anyway. */
export function withOption(layer: LayerSpec, { key, normal, kind }: LayerField, text: string): LayerSpec {
  const { [key]: _, ...rest } = layer as Record<string, unknown> & LayerSpec;
  const value = optionOf(text, kind);
  return (value === undefined || value === normal ? rest : { ...rest, [key]: value }) as LayerSpec;
}
