/**
 * A grid of numbers as colours, on a canvas. Click a cell, or go about with the arrow keys and press Enter; what the cell holds
 * is said aloud. Beside it, closed, lies the same as a table.
 */
import { useId, useState } from "preact/hooks";
import { dictionary } from "../i18n/index.js";
import { themeColour } from "../theme.js";
import { useCanvas } from "./canvas.js";
import { colourOf, cssOf, inkOn, type Scale } from "./colours.js";
import { DataTable } from "./DataTable.js";
import { formatCell, formatNumber } from "./numbers.js";

const t = dictionary(
  { cell: "row {row}, column {column}: {value}", keys: "Arrow keys move, Enter chooses." },
  { cell: "第 {row} 行，第 {column} 列：{value}", keys: "方向键移动，回车键选择。" },
);

export type Cell = readonly [row: number, column: number];

/** A frame around some cells: a receptive field, a window, what a cell was made of. */
export interface Mark {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** A colour's name in styles/theme.css: "accent" (default), "train", "validation", "good", "bad". */
  readonly colour?: string;
  /** Filled lightly as well. */
  readonly filled?: boolean;
}

export interface HeatmapProps {
  /** What it shows, in words: "conv2d, channel 3". */
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number;
  /** Changes when the numbers do; the array they are in, usually. */
  readonly version: unknown;
  readonly scale: Scale;
  /** CSS pixels. */
  readonly cellSize?: number; // 12
  /** Writes each number into its cell, when there is room. */
  readonly numbers?: boolean;
  readonly marks?: readonly Mark[];
  readonly selected?: Cell;
  readonly onSelect?: (cell: Cell) => void;
  /** Instead of the colour of the number: a picture's pixels, a greyed border. */
  readonly colourAt?: (row: number, column: number) => readonly [number, number, number] | undefined;
  /** What a cell is called aloud, where rows and columns would not say it. */
  readonly say?: (cell: Cell) => string;
  /** Leaves the table out, where another one says the same. */
  readonly withoutTable?: boolean;
}

const STEPS: Readonly<Record<string, Cell>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};
/** Below this many pixels a number cannot be read. */
const LEAST_FOR_NUMBERS = 26;

export function Heatmap(props: HeatmapProps) {
  const { label, rows, columns, at, scale, cellSize = 12, marks = [], selected, onSelect } = props;
  const [cursor, setCursor] = useState<Cell>(selected ?? [0, 0]);
  const [focused, setFocused] = useState(false);
  const help = useId();
  const [width, height] = [columns * cellSize, rows * cellSize];

  const canvas = useCanvas(
    width,
    height,
    (context) => {
      const numbers = props.numbers && cellSize >= LEAST_FOR_NUMBERS;
      // Round down and up, so that no paper shows between cells.
      context.font = `${Math.floor(cellSize * 0.32)}px ui-monospace, monospace`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const value = at(row, column);
          const colour = props.colourAt?.(row, column) ?? colourOf(value, scale);
          context.fillStyle = cssOf(colour);
          context.fillRect(column * cellSize, row * cellSize, cellSize, cellSize);
          if (!numbers) continue;
          context.fillStyle = inkOn(colour);
          context.fillText(formatCell(value), (column + 0.5) * cellSize, (row + 0.5) * cellSize);
        }
      }
      for (const mark of marks) drawMark(context, mark, cellSize);
      if (selected) drawMark(context, oneCell(selected, "ink"), cellSize);
      if (focused) drawMark(context, oneCell(cursor, "focus"), cellSize);
    },
    [props.version, scale, cellSize, JSON.stringify(marks), String(selected), String(cursor), focused],
  );

  const choose = (cell: Cell) => {
    setCursor(cell);
    onSelect?.(cell);
  };
  const [row, column] = cursor;
  const said = props.say?.(cursor) ?? t("cell", { row, column, value: formatNumber(at(row, column)) });
  const picture = <canvas ref={canvas} />;
  return (
    <div class="heatmap">
      {onSelect ? (
        <button
          type="button"
          class="heatmap-picture"
          style={{ width: `${width}px`, height: `${height}px` }}
          aria-label={`${label}; ${said}`}
          aria-describedby={help}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onClick={(event) => {
            // A click by Enter or Space has no place of its own: it chooses the cell of the cursor.
            if (event.detail === 0) return choose(cursor);
            const box = event.currentTarget.getBoundingClientRect();
            const within = (at: number, length: number, cells: number) =>
              Math.min(cells - 1, Math.max(0, Math.floor((at / length) * cells)));
            choose([
              within(event.clientY - box.top, box.height, rows),
              within(event.clientX - box.left, box.width, columns),
            ]);
          }}
          onKeyDown={(event) => {
            const step = STEPS[event.key];
            if (!step) return;
            event.preventDefault();
            const clamp = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
            setCursor([clamp(row + step[0], rows), clamp(column + step[1], columns)]);
          }}
        >
          {picture}
        </button>
      ) : (
        <div
          class="heatmap-picture"
          role="img"
          aria-label={label}
          style={{ width: `${width}px`, height: `${height}px` }}
        >
          {picture}
        </div>
      )}
      {onSelect && (
        <>
          <span id={help} class="spoken">
            {t("keys")}
          </span>
          <span class="spoken" aria-live="polite">
            {focused ? said : ""}
          </span>
        </>
      )}
      {!props.withoutTable && <DataTable caption={label} rows={rows} columns={columns} at={at} />}
    </div>
  );
}

function oneCell([row, column]: Cell, colour: string): Mark {
  return { row, column, rows: 1, columns: 1, colour };
}

function drawMark(context: CanvasRenderingContext2D, mark: Mark, cellSize: number): void {
  const { row, column, rows, columns, colour = "accent", filled } = mark;
  const box = [column * cellSize, row * cellSize, columns * cellSize, rows * cellSize] as const;
  const line = cellSize < 8 ? 1.5 : 2;
  if (filled) {
    context.globalAlpha = 0.25;
    context.fillStyle = themeColour(colour);
    context.fillRect(...box);
    context.globalAlpha = 1;
  }
  // A pale line under the coloured one: it shows on any colour.
  for (const [style, width] of [
    ["#ffffffcc", line + 2],
    [themeColour(colour), line],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(box[0] + line / 2, box[1] + line / 2, box[2] - line, box[3] - line);
  }
}
