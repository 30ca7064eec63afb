/** What the user's `layers.conv2d({ … })` returns: a layer with its options, not yet part of any network. */
import { mustBe, OptionError, ShapeError, show } from "../errors.js";
import type { Shape } from "../shape.js";
import { input as inputLayer } from "./input.js";
import type { Layer } from "./layer.js";

/** What every layer takes beside its own options. */
export interface LayerNaming {
  /** Must be unique in its network; default: the kind, numbered. */
  readonly name?: string;
  /** For the first layer of a `sequential`: one example's shape. */
  readonly inputShape?: Shape;
  /** false: frozen. Its parameters stay as they are, and its batch normalisation uses moving statistics. */
  readonly trainable?: boolean; // true
}

/** The output of a layer, before any number is known. */
export class SymbolicTensor {
  constructor(
    readonly call: LayerCall,
    readonly inputs: readonly SymbolicTensor[],
  ) {}
}

/** It becomes part of the weights' names in files: so no more than these characters, and no `..`. */
export function isLayerName(name: unknown): name is string {
  return typeof name === "string" && /^(?!\.{1,2}$)[\w.-]{1,256}$/.test(name);
}

export class LayerCall {
  /** Order of creation: networks number their layers by it. */
  readonly serial: number;
  readonly layer: Layer;
  readonly options: object;
  readonly name: string | undefined;
  readonly inputShape: Shape | undefined;
  readonly trainable: boolean;
  #applied = false;
  static #created = 0;

  constructor(layer: Layer, options: object, naming: LayerNaming) {
    if (naming.name !== undefined && !isLayerName(naming.name)) {
      const rule = "consist of letters, digits, _, . and -";
      throw new OptionError(mustBe(layer.kind, "name", rule, naming.name));
    }
    const { trainable = true } = naming;
    if (typeof trainable !== "boolean") {
      throw new OptionError(mustBe(layer.kind, "trainable", "be true or false", trainable));
    }
    this.serial = LayerCall.#created++;
    this.layer = layer;
    this.options = options;
    this.name = naming.name;
    this.trainable = trainable;
    this.inputShape =
      naming.inputShape && inputLayer.options({ shape: naming.inputShape }) && naming.inputShape;
  }

  /** Connects the layer: `layers.dense({ units: 10 }).apply(x)`; layers that join take a list. */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
    const list = inputs instanceof SymbolicTensor ? [inputs] : inputs;
    if (!Array.isArray(list) || list.length === 0 || !list.every((x) => x instanceof SymbolicTensor)) {
      throw new OptionError(
        mustBe(this.name ?? this.layer.kind, "inputs", "be what input() or apply() returned", inputs),
      );
    }
    if (!this.layer.joins && list.length > 1) {
      throw new ShapeError(
        `${this.name ?? this.layer.kind}: takes one input; got ${show(list.length)}. Join them with add or concatenate.`,
      );
    }
    if (this.#applied) {
      throw new OptionError(
        `${this.name ?? this.layer.kind}: a layer may be applied once; sharing weights is not supported. Create another.`,
      );
    }
    this.#applied = true;
    return new SymbolicTensor(this, list);
  }
}

/** Turns a layer into the function that users call. */
export function callable<Arguments extends object>(
  layer: Layer,
): (given: Arguments & LayerNaming) => LayerCall {
  return (given) => {
    if (typeof given !== "object" || given === null) {
      throw new OptionError(mustBe(layer.kind, "options", "be an object", given));
    }
    const { name, inputShape, trainable, ...options } = given;
    return new LayerCall(layer, layer.options(options), { name, inputShape, trainable });
  };
}
