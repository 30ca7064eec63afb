/** Own images, own networks. */
import type { GraphNodeView, LayerSpec, NetworkSpec } from "./network.js";
import type { Setup } from "./train.js";

export interface OwnSpec extends Pick<Setup, "batchSize" | "optimizer" | "learningRate"> {
  readonly layers: readonly LayerSpec[];
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
}

export interface OwnView {
  /** One for each layer, up to the first that does not fit. */
  readonly rows: readonly GraphNodeView[];
  /** In the library's words; `row` is the layer at fault, where it is one. */
  readonly failure: { readonly row: number | undefined; readonly message: string } | undefined;
  /** Of a network that is whole. */
  readonly totals:
    | {
        readonly parameters: number;
        readonly trainable: number;
        readonly macs: number;
        /** To train with the spec's batch size and optimizer. */
        readonly trainingBytes: number;
      }
    | undefined;
  /** A module that builds it; Keras' model.json. */
  readonly files: { readonly code: string; readonly modelJson: string } | undefined;
}

export interface Classified {
  readonly probabilities: Float32Array;
  /** Of the network that says so: how far it is trained. */
  readonly step: number;
}

export interface OwnCalls {
  describeOwn(spec: OwnSpec): OwnView;
  /** The network's layers as one would write them; undefined when it has branches. */
  layersOf(spec: NetworkSpec): readonly LayerSpec[] | undefined;
  /** What the run's network says of a picture. @param pixels  of the run's image shape, bytes */
  classify(pixels: Uint8Array): Classified;
}
