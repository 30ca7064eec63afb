/**
 * ONNX's messages, as far as a network needs them: a graph of operators over named values.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
import { Message } from "../formats/protobuf.js";
import { type Shape, sizeOf } from "../shape.js";

const FLOAT = 1;
/** AttributeProto.type */
const ATTRIBUTE = { float: 1, integer: 2, integers: 7 } as const;
const IR_VERSION = 8;
export const OPSET = 17;

export type Attribute =
  | { readonly float: number }
  | { readonly integer: number }
  | { readonly integers: readonly number[] };

/** A size, or the name of one that is open, such as the batch's. */
type Dimension = number | string;

export class OnnxGraph {
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];

  /** Adds an operator with one output, whose name is also the operator's. Returns that name. */
  node(
    type: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(3, output).text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#nodes.push(node);
    return output;
  }

  /** Adds a constant. Returns its name. */
  constant(name: string, shape: Shape, values: Float32Array): string {
    if (values.length !== sizeOf(shape)) throw new Error(`${name}: ${values.length} values of [${shape}]`);
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#initializers.push(new Message().integers(1, shape).integer(2, FLOAT).text(8, name).bytes(9, data));
    return name;
  }

  /** The whole file. @param metadata  for whoever looks */
  model(
    name: string,
    input: { readonly name: string; readonly shape: readonly Dimension[] },
    output: { readonly name: string; readonly shape: readonly Dimension[] },
    metadata: Readonly<Record<string, string>>,
  ): Message {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, name);
    for (const initializer of this.#initializers) graph.message(5, initializer);
    graph.message(11, valueInfo(input.name, input.shape)).message(12, valueInfo(output.name, output.shape));
    const model = new Message().integer(1, IR_VERSION).text(2, "cbapd").message(7, graph);
    model.message(8, new Message().text(1, "").integer(2, OPSET));
    for (const [key, value] of Object.entries(metadata)) {
      model.message(14, new Message().text(1, key).text(2, value));
    }
    return model;
  }
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if ("float" in value) return message.float(2, value.float).integer(20, ATTRIBUTE.float);
  if ("integer" in value) return message.integer(3, value.integer).integer(20, ATTRIBUTE.integer);
  return message.integers(8, value.integers).integer(20, ATTRIBUTE.integers);
}

function valueInfo(name: string, shape: readonly Dimension[]): Message {
  const shapes = new Message();
  for (const size of shape) {
    shapes.message(
      1,
      typeof size === "number" ? new Message().integer(1, size) : new Message().text(2, size),
    );
  }
  const tensor = new Message().integer(1, FLOAT).message(2, shapes);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
