/** Networks: what they are made of. */

/** A layer as it is written in code: `{ kind: "conv2d", filters: 6, kernelSize: 5 }`. */
export type LayerSpec = Readonly<Record<string, unknown>> & { readonly kind: string };

export const NETWORK_NAMES = ["baseline", "lenet5", "alexnet8", "vgg16", "inception10", "resnet18"] as const;
export type NetworkName = (typeof NETWORK_NAMES)[number];

export interface NetworkSpec {
  /** One of the six, or "own": then `layers`, one after another, the first of which is fed the images. */
  readonly network: NetworkName | "own";
  /** Of the six: multiplies filters and units. */
  readonly width: number;
  readonly layers?: readonly LayerSpec[];
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
}

export interface GraphNodeView {
  readonly name: string;
  /** Keras' name in snake case: conv2d, max_pooling2d. */
  readonly kind: string;
  /** Conv2D, MaxPooling2D. */
  readonly title: string;
  /** Complete, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Indices of the nodes that feed it. */
  readonly inputs: readonly number[];
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** undefined after flatten or dense: everything. */
  readonly receptiveField: readonly [number, number] | undefined;
  readonly macs: number;
}

export interface NetworkView {
  readonly name: string;
  readonly nodes: readonly GraphNodeView[];
  readonly totalParameters: number;
  readonly trainableParameters: number;
  readonly macs: number;
}

export interface NetworkCalls {
  /** @throws OptionError, ShapeError in the library's words */
  describeNetwork(spec: NetworkSpec): NetworkView;
}
