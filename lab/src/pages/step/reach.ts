/** Frames on the neighbours' maps: what a cell was made of, and what it went into. Where windows lie is the library's to say. */
import type { MapMark } from "../../components/Maps.js";
import { placeOf, tapsOf, windowsOver } from "../../engine/geometry.js";
import type { Stage } from "../../engine/protocol/explain.js";

/** On the map of input number `position` of a stage. */
export function windowMarks(
  stages: readonly Stage[],
  stage: Stage,
  input: number,
  position: number,
  cell: number,
): MapMark[] {
  const source = stages[input];
  const { row, column, channel } = placeOf(stage.shape, cell);
  if (stage.window) {
    const taps = tapsOf(source.shape, stage.window, row, column);
    const box = boxOf(taps);
    return box ? [{ ...box, channel: stage.kind === "conv2d" ? undefined : channel }] : [];
  }
  switch (stage.kind) {
    case "flatten": {
      const from = placeOf(source.shape, cell);
      return [{ ...one(from), channel: from.channel }];
    }
    case "concatenate": {
      const before = stage.inputs.slice(0, position).reduce((sum, at) => sum + stages[at].shape.at(-1)!, 0);
      const own = channel - before;
      return own >= 0 && own < source.shape.at(-1)! ? [{ ...one({ row, column }), channel: own }] : [];
    }
    case "global_average_pooling2d":
      return [{ row: 0, column: 0, rows: source.shape[0], columns: source.shape[1], channel }];
    case "dense":
      return [];
    default:
      return [{ ...one({ row, column }), channel }];
  }
}

/** For each stage that reads a cell, the outputs that the cell went into. */
export function reached(
  stages: readonly Stage[],
  index: number,
  cell: number,
): { readonly consumer: Stage; readonly marks: readonly MapMark[] }[] {
  const source = stages[index];
  const place = placeOf(source.shape, cell);
  return stages
    .filter(({ inputs }) => inputs.includes(index))
    .map((consumer) => ({ consumer, marks: marksIn(stages, consumer, source, place, cell) }));
}

function marksIn(
  stages: readonly Stage[],
  consumer: Stage,
  source: Stage,
  { row, column, channel }: { readonly row: number; readonly column: number; readonly channel: number },
  cell: number,
): MapMark[] {
  if (consumer.window) {
    const box = boxOf(windowsOver(source.shape, consumer.window, row, column));
    return box ? [{ ...box, channel: consumer.kind === "conv2d" ? undefined : channel }] : [];
  }
  switch (consumer.kind) {
    case "flatten":
      return [{ ...one({ row: 0, column: 0 }), channel: cell }];
    case "concatenate": {
      const before = consumer.inputs
        .slice(0, consumer.inputs.indexOf(source.index))
        .reduce((sum, at) => sum + stages[at].shape.at(-1)!, 0);
      return [{ ...one({ row, column }), channel: before + channel }];
    }
    case "dense":
      return [];
    case "global_average_pooling2d":
      return [{ ...one({ row: 0, column: 0 }), channel }];
    default:
      return [{ ...one({ row, column }), channel }];
  }
}

function one({ row, column }: { readonly row: number; readonly column: number }) {
  return { row, column, rows: 1, columns: 1 };
}

function boxOf(places: readonly { readonly row: number; readonly column: number }[]) {
  if (places.length === 0) return undefined;
  const rows = places.map(({ row }) => row);
  const columns = places.map(({ column }) => column);
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  return {
    row: top,
    column: left,
    rows: Math.max(...rows) - top + 1,
    columns: Math.max(...columns) - left + 1,
  };
}
