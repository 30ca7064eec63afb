/** One layer of a model, as Keras' `model.layers` shows it. */
import { mustBe, OptionError } from "../errors.js";
import { type GraphNode, weightSpecs } from "../models/graph.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Model } from "./model.js";

export class ModelLayer {
  readonly name: string;
  readonly #model: Model;

  constructor(model: Model, name: string) {
    this.#model = model;
    this.name = name;
  }

  /** Keras' class name: "Conv2D". */
  get className(): string {
    return this.#node.layer.title;
  }

  /** One example's: no batch axis. */
  get outputShape(): Shape {
    return this.#node.outputShape;
  }

  /**
   * False: frozen. Its parameters stay as they are, its batch normalisation uses moving statistics even while training, and
   * nothing is computed for it backward that no layer before it needs. Counts from the next `fit` on.
   */
  get trainable(): boolean {
    return this.#node.trainable;
  }

  set trainable(trainable: boolean) {
    if (typeof trainable !== "boolean") {
      throw new OptionError(mustBe(this.name, "trainable", "be true or false", trainable));
    }
    this.#model.setTrainable([this.name], trainable);
  }

  countParams(): number {
    return Object.values(this.#node.specs).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }

  /** Copies, in order: kernel, bias. */
  getWeights(): Float32Array[] {
    const weights = this.#model.getWeights();
    return this.#weightNames().map((name) => weights.get(name)!);
  }

  /** As `getWeights` gave them, perhaps of another model's layer. @throws OptionError, ShapeError */
  setWeights(values: readonly Float32Array[]): void {
    const names = this.#weightNames();
    if (!Array.isArray(values) || values.length !== names.length) {
      const rule = `have ${names.length} entries: ${names.join(", ") || "none"}`;
      throw new OptionError(mustBe(this.name, "weights", rule, values?.length));
    }
    const weights = this.#model.getWeights();
    names.forEach((name, i) => {
      weights.set(name, values[i]);
    });
    this.#model.setWeights(weights);
  }

  get #node(): GraphNode {
    return this.#model.graph.nodes.find(({ name }) => name === this.name)!;
  }

  #weightNames(): string[] {
    return weightSpecs(this.#model.graph)
      .filter(({ node }) => this.#model.graph.nodes[node].name === this.name)
      .map(({ name }) => name);
  }
}
