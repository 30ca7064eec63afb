/** All channels of a stage's map as one picture of tiles, each cell of which can be chosen; and one channel as a table. */
import { useMemo } from "preact/hooks";
import { dictionary } from "../i18n/index.js";
import { themeColour } from "../theme.js";
import type { Scale } from "./colours.js";
import { DataTable } from "./DataTable.js";
import { type Cell, Heatmap, type Mark } from "./Heatmap.js";
import { formatNumber } from "./numbers.js";

const t = dictionary(
  {
    place: "channel {c}, row {row}, column {column}: {value}",
    unit: "unit {c}: {value}",
    gap: "between the maps",
  },
  {
    place: "通道 {c}，第 {row} 行，第 {column} 列：{value}",
    unit: "单元 {c}：{value}",
    gap: "特征图之间的空隙",
  },
);

/** A box of a map, on one channel or on all. */
export interface MapMark {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  readonly channel?: number;
  readonly colour?: string;
  readonly filled?: boolean;
}

export interface MapsProps {
  readonly label: string;
  /** [H, W, C], or a vector's [C]. */
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  readonly scale: Scale;
  /** CSS pixels that it may take. */
  readonly width: number;
  readonly height: number;
  /** Index within [H, W, C]. */
  readonly selected?: number;
  readonly onSelect?: (index: number) => void;
  readonly marks?: readonly MapMark[];
  readonly most?: number; // pixels of a cell, 22
}

export function Maps({
  label,
  shape,
  values,
  scale,
  width,
  height,
  selected,
  onSelect,
  marks = [],
  most = 22,
}: MapsProps) {
  const layout = useMemo(() => layOut(shape, width, height, most), [shape.join(), width, height, most]);
  const paper = rgbOf(themeColour("surface"));
  const { rows, columns, cellSize, indexAt, placeOf } = layout;
  const valueAt = (row: number, column: number) => {
    const index = indexAt(row, column);
    return index === undefined ? 0 : values[index];
  };
  const channel = selected === undefined ? 0 : channelOf(shape, selected);
  const [H, W, C] = asPicture(shape);
  const vector = shape.length === 1;
  return (
    <div class="maps">
      <Heatmap
        label={label}
        rows={rows}
        columns={columns}
        cellSize={cellSize}
        at={valueAt}
        version={values}
        scale={scale}
        colourAt={(row, column) => (indexAt(row, column) === undefined ? paper : undefined)}
        selected={selected === undefined ? undefined : placeOf(selected)}
        onSelect={
          onSelect &&
          (([row, column]) => {
            const index = indexAt(row, column);
            if (index !== undefined) onSelect(index);
          })
        }
        say={([row, column]) => {
          const index = indexAt(row, column);
          if (index === undefined) return t("gap");
          const c = channelOf(shape, index);
          const position = Math.floor(index / C);
          const value = formatNumber(values[index]);
          if (vector) return t("unit", { c, value });
          return t("place", { c, row: Math.floor(position / W), column: position % W, value });
        }}
        marks={marks.flatMap((mark) => tileMarks(mark, layout, C))}
        withoutTable
      />
      <DataTable
        caption={vector ? label : `${label}, ${channel}`}
        rows={vector ? C : H}
        columns={vector ? 1 : W}
        at={(row, column) => values[vector ? row : (row * W + column) * C + channel]}
      />
    </div>
  );
}

interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly cellSize: number;
  readonly indexAt: (row: number, column: number) => number | undefined;
  readonly placeOf: (index: number) => Cell;
  /** Top left of a channel's tile. */
  readonly tileOf: (channel: number) => Cell;
  readonly vector: boolean;
}

function asPicture(shape: readonly number[]): readonly [number, number, number] {
  return shape.length === 3 ? [shape[0], shape[1], shape[2]] : [1, 1, shape[0]];
}

function channelOf(shape: readonly number[], index: number): number {
  return index % shape[shape.length - 1];
}

/** As many tiles beside one another as make cells largest. */
function layOut(shape: readonly number[], width: number, height: number, most: number): Layout {
  const [H, W, C] = asPicture(shape);
  const vector = shape.length === 1;
  const gap = vector ? 0 : 1;
  let [across, cellSize] = [1, 0];
  for (let n = 1; n <= C; n++) {
    const down = Math.ceil(C / n);
    const fits = Math.min(width / (n * (W + gap) - gap), height / (down * (H + gap) - gap), most);
    if (fits > cellSize + 1e-9) [across, cellSize] = [n, fits];
  }
  if (cellSize > 3) cellSize = Math.floor(cellSize);
  const tile: Cell = [H + gap, W + gap];
  const tileOf = (channel: number): Cell => [
    Math.floor(channel / across) * tile[0],
    (channel % across) * tile[1],
  ];
  return {
    rows: Math.ceil(C / across) * tile[0] - gap,
    columns: Math.min(across, C) * tile[1] - gap,
    cellSize,
    vector,
    tileOf,
    indexAt(row, column) {
      const [i, j] = [row % tile[0], column % tile[1]];
      const channel = Math.floor(row / tile[0]) * across + Math.floor(column / tile[1]);
      return i < H && j < W && channel < C ? (i * W + j) * C + channel : undefined;
    },
    placeOf(index) {
      const [top, left] = tileOf(index % C);
      const position = Math.floor(index / C);
      return [top + Math.floor(position / W), left + (position % W)];
    },
  };
}

function tileMarks(mark: MapMark, { tileOf, vector }: Layout, channels: number): Mark[] {
  const { channel, row, column, ...rest } = mark;
  const chosen = channel === undefined ? Array.from({ length: channels }, (_, c) => c) : [channel];
  if (vector && channel === undefined) return [];
  return chosen.map((c) => {
    const [top, left] = tileOf(c);
    return { ...rest, row: top + row, column: left + column };
  });
}

/** "#rrggbb", or what it is minified to: "#rgb". */
function rgbOf(colour: string): readonly [number, number, number] {
  const digits = colour.length === 4 ? colour.slice(1).replace(/./g, "$&$&") : colour.slice(1);
  const value = Number.parseInt(digits, 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
