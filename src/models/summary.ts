/** What a network consists of: layers, shapes, parameters, receptive field, multiply-adds. As Keras' summary, with more. */
import type { ReceptiveField } from "../layers/layer.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Graph } from "./graph.js";

export interface LayerSummary {
  readonly name: string;
  readonly type: string;
  /** Of one example. */
  readonly outputShape: Shape;
  readonly parameters: number;
  /** False: frozen. */
  readonly trainable: boolean;
  /** Height and width in pixels of the input; undefined after flatten or dense, where every unit sees everything. */
  readonly receptiveField: readonly [number, number] | undefined;
  /** Multiply-adds of one example with the layer's parameters, forward. */
  readonly macs: number;
  readonly connectedTo: readonly string[];
}

export interface Summary {
  readonly name: string;
  readonly layers: readonly LayerSummary[];
  readonly totalParameters: number;
  readonly trainableParameters: number;
  readonly nonTrainableParameters: number;
  readonly macs: number;
}

/** Of each node, in pixels of the input; infinite from flatten on, where every unit sees everything. */
export function receptiveFields(graph: Graph): ReceptiveField[] {
  const fields: ReceptiveField[] = [];
  for (const node of graph.nodes) {
    const seen = node.inputs.map((index) => fields[index]);
    const field = node.layer.receptiveField(widest(seen), node.options);
    const full = node.outputShape.length === 1 || !Number.isFinite(field.size[0]);
    fields.push(full ? { size: [Infinity, Infinity], jump: [Infinity, Infinity] } : field);
  }
  return fields;
}

export function summaryData(graph: Graph): Summary {
  const fields = receptiveFields(graph);
  let trainable = 0;
  let total = 0;
  const layers = graph.nodes.map((node, index): LayerSummary => {
    const { size } = fields[index];
    let parameters = 0;
    for (const spec of Object.values(node.specs)) {
      const size = sizeOf(spec.shape);
      parameters += size;
      if (spec.trainable) trainable += size;
    }
    total += parameters;
    return {
      name: node.name,
      type: node.layer.title,
      outputShape: node.outputShape,
      parameters,
      trainable: node.trainable,
      receptiveField: Number.isFinite(size[0]) ? [size[0], size[1]] : undefined,
      macs: parameters > 0 ? node.layer.flops(node.inputShapes, node.options) / 2 : 0,
      connectedTo: node.inputs.map((input) => graph.nodes[input].name),
    };
  });
  return {
    name: graph.name,
    layers,
    totalParameters: total,
    trainableParameters: trainable,
    nonTrainableParameters: total - trainable,
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0),
  };
}

/** A table for the terminal. */
export function summaryText(graph: Graph): string {
  const summary = summaryData(graph);
  // toLocaleString would load all of ICU first.
  const count = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
  const branches = summary.layers.some(
    (layer, index) =>
      layer.connectedTo.length > 1 || (index > 0 && layer.connectedTo[0] !== summary.layers[index - 1].name),
  );
  const header = ["Layer (type)", "Output shape", "Param #", "Receptive field", "MACs", "Connected to"];
  const rows = summary.layers.map((layer) => [
    `${layer.name} (${layer.type}${layer.trainable ? "" : ", frozen"})`,
    layer.outputShape.join("×"),
    count(layer.parameters),
    layer.receptiveField?.join("×") ?? "all",
    count(layer.macs),
    layer.connectedTo.join(", "),
  ]);
  const columns = branches ? 6 : 5;
  const table = [header, ...rows].map((row) => row.slice(0, columns));
  const widths = header.slice(0, columns).map((_, c) => Math.max(...table.map((row) => row[c].length)));
  const line = (row: string[]) =>
    row
      .map((cell, c) => (c === 2 || c === 4 ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
      .join("   ")
      .trimEnd();
  const ruler = "─".repeat(widths.reduce((sum, width) => sum + width + 3, -3));
  return [
    `Model: ${summary.name}`,
    ruler,
    line(table[0]),
    ruler,
    ...table.slice(1).map(line),
    ruler,
    `Total params: ${count(summary.totalParameters)}`,
    `Trainable params: ${count(summary.trainableParameters)}`,
    `Non-trainable params: ${count(summary.nonTrainableParameters)}`,
    `MACs per image, forward: ${count(summary.macs)}`,
  ].join("\n");
}

/** Where branches join, a unit sees what the widest of them sees. */
function widest(fields: readonly ReceptiveField[]): ReceptiveField {
  const start: ReceptiveField = { size: [1, 1], jump: [1, 1] };
  if (fields.length === 0) return start;
  return {
    size: [Math.max(...fields.map((f) => f.size[0])), Math.max(...fields.map((f) => f.size[1]))],
    jump: [Math.max(...fields.map((f) => f.jump[0])), Math.max(...fields.map((f) => f.jump[1]))],
  };
}
