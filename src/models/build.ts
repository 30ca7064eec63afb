/** From layer calls to a Graph: sequential networks, and functional ones with branches and joins. */
import { mustBe, OptionError, ShapeError, show } from "../errors.js";
import { LayerCall, SymbolicTensor } from "../layers/call.js";
import { input } from "../layers/input.js";
import type { Layer } from "../layers/layer.js";
import type { Shape } from "../shape.js";
import { type Graph, type GraphNode, specsOf } from "./graph.js";

/** One layer after another; the first says `inputShape`, or is an `input`. @throws OptionError, ShapeError */
export function buildSequential(name: string, layers: readonly (LayerCall | SymbolicTensor)[]): Graph {
  const [first, ...others] = layers.map((item) => (item instanceof SymbolicTensor ? item.call : item));
  for (const item of [first, ...others]) {
    if (!(item instanceof LayerCall)) {
      throw new OptionError(mustBe(name, "layers", "be layers, such as layers.conv2d({ … })", item));
    }
  }
  const shape = first.layer.kind === "input" ? (first.options as { shape: Shape }).shape : first.inputShape;
  if (!shape) {
    throw new OptionError(
      `${name}: the first layer, ${first.layer.kind}, must have an inputShape; got none.`,
    );
  }
  const nodes = new NodeList();
  nodes.add(input as Layer, { shape }, undefined, []);
  for (const call of first.layer.kind === "input" ? others : [first, ...others]) {
    nodes.add(call.layer, call.options, call.name, [nodes.length - 1], call.trainable);
  }
  return nodes.graph(name, nodes.length - 1);
}

export interface ModelArguments {
  readonly inputs: SymbolicTensor;
  readonly outputs: SymbolicTensor;
  readonly name?: string;
}

/** A network from its input to its output; layers are numbered in order of creation. @throws OptionError, ShapeError */
export function buildModel({ inputs, outputs, name = "model" }: ModelArguments): Graph {
  for (const [argument, value] of Object.entries({ inputs, outputs })) {
    if (!(value instanceof SymbolicTensor)) {
      throw new OptionError(mustBe(name, argument, "be one tensor from input() or apply()", value));
    }
  }
  if (inputs.call.layer.kind !== "input") {
    throw new OptionError(
      `${name}: inputs must be what input({ shape }) returned; got a ${inputs.call.layer.kind}.`,
    );
  }
  const reached = new Set<SymbolicTensor>();
  const visit = (tensor: SymbolicTensor): void => {
    if (reached.has(tensor)) return;
    reached.add(tensor);
    if (tensor.call.layer.kind === "input" && tensor !== inputs) {
      throw new OptionError(`${name}: outputs depend on an input that is not among inputs.`);
    }
    tensor.inputs.forEach(visit);
  };
  visit(outputs);
  if (!reached.has(inputs)) throw new OptionError(`${name}: outputs do not depend on inputs.`);
  // A layer is created before anything can be applied to its output, but a layer may be applied later than others that
  // were created after it: sort by creation as far as the edges allow.
  const waiting = [...reached].sort((a, b) => a.call.serial - b.call.serial);
  const indices = new Map<SymbolicTensor, number>();
  const nodes = new NodeList();
  while (waiting.length > 0) {
    const next = waiting.findIndex((tensor) => tensor.inputs.every((x) => indices.has(x)));
    const [tensor] = waiting.splice(next, 1);
    const { layer, options, name: given, trainable } = tensor.call;
    indices.set(tensor, nodes.length);
    nodes.add(
      layer,
      options,
      given,
      tensor.inputs.map((x) => indices.get(x)!),
      trainable,
    );
  }
  return nodes.graph(name, indices.get(outputs)!);
}

/** It is printed, and saved: so no more than 512 characters, none of which acts on a terminal. */
export function isModelName(name: unknown): name is string {
  return typeof name === "string" && name.length <= 512 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name);
}

/** Nodes as they are added: names, shapes and parameters follow from what is there already. */
export class NodeList {
  readonly #nodes: GraphNode[] = [];
  readonly #counts = new Map<string, number>();
  readonly #names = new Set<string>();

  get length(): number {
    return this.#nodes.length;
  }

  get nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  add(
    layer: Layer,
    options: object,
    given: string | undefined,
    inputs: readonly number[],
    trainable = true,
  ): void {
    const name = given ?? this.#number(layer.kind);
    if (this.#names.has(name)) {
      throw new OptionError(`layer names must be unique; got ${show(name)} twice.`);
    }
    const inputShapes = inputs.map((index) => this.#nodes[index].outputShape);
    const outputShape = layer.outputShape(inputShapes, options, name);
    const specs = specsOf(layer, inputShapes, options, trainable);
    this.#names.add(name);
    this.#nodes.push({ name, layer, options, trainable, inputs, inputShapes, outputShape, specs });
  }

  graph(name: string, output: number): Graph {
    if (!isModelName(name)) {
      throw new OptionError(mustBe("model", "name", "be at most 512 printable characters", name));
    }
    const { outputShape } = this.#nodes[output];
    if (outputShape.length !== 1) {
      throw new ShapeError(
        `${name}: the output must have shape [classes]; got ${show(outputShape)}. End with flatten or pooling, then dense.`,
      );
    }
    return { name, nodes: this.#nodes, output };
  }

  /** `conv2d`, `conv2d_1`, … */
  #number(kind: string): string {
    const count = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, count + 1);
    const name = count === 0 ? kind : `${kind}_${count}`;
    return this.#names.has(name) ? this.#number(kind) : name;
  }
}
