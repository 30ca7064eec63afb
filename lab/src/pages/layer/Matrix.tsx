/** im2col: the matrix beside the picture; a pixel lights up everywhere it stands. */
import { useState } from "preact/hooks";
import { divergingScale } from "../../components/colours.js";
import { Failure } from "../../components/Failure.js";
import { NumberField } from "../../components/fields.js";
import { Heatmap, type Mark } from "../../components/Heatmap.js";
import { Maps } from "../../components/Maps.js";
import { tapsOf } from "../../engine/geometry.js";
import type { Im2col, StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import type { At } from "../../explained.js";
import { t } from "./words.js";

const ROWS = 12;
const WIDTH = 940;

export function Matrix({ view, at }: { readonly view: StepView; readonly at: At }) {
  const stage = view.stages[at.stage];
  const argument = { version: view.version, stage: at.stage, image: at.image };
  const { value, error } = useCall("im2col", argument);
  const input = useCall("stageMaps", { ...argument, stage: stage.inputs[0] });
  if (!value || !input.value) return <Failure error={error ?? input.error} />;
  if (value.rows !== stage.shape[0] * stage.shape[1]) return null;
  return <Lit view={view} at={at} matrix={value} x={input.value.y} />;
}

function Lit({
  view,
  at,
  matrix,
  x,
}: {
  readonly view: StepView;
  readonly at: At;
  readonly matrix: Im2col;
  readonly x: Float64Array;
}) {
  const stage = view.stages[at.stage];
  const source = view.stages[stage.inputs[0]];
  const middle = Math.floor(stage.shape[0] / 2) * matrix.outWidth + Math.floor(matrix.outWidth / 2);
  const [position, setPosition] = useState(middle);
  const [pixel, setPixel] = useState(matrix.source[middle * matrix.columns + Math.floor(matrix.columns / 2)]);
  const { rows, columns, values, source: from, outWidth } = matrix;
  const first = Math.max(0, Math.min(position - ROWS / 2, rows - ROWS));
  const shown = Math.min(ROWS, rows);
  const scale = divergingScale(x);
  const cellSize = Math.max(3, Math.min(16, Math.floor(WIDTH / columns)));
  const lit = (begin: number, end: number): Mark[] => {
    const marks: Mark[] = [];
    if (pixel < 0) return marks;
    for (let row = begin; row < end; row++) {
      for (let column = 0; column < columns; column++) {
        if (from[row * columns + column] !== pixel) continue;
        marks.push({ row: row - begin, column, rows: 1, columns: 1, colour: "good" });
      }
    }
    return marks;
  };
  const everywhere = lit(0, rows);
  const taps = tapsOf(source.shape, stage.window!, Math.floor(position / outWidth), position % outWidth);
  const [top, left] = [
    Math.min(...taps.map(({ row }) => row)),
    Math.min(...taps.map(({ column }) => column)),
  ];
  const box = {
    row: top,
    column: left,
    rows: Math.max(...taps.map(({ row }) => row)) - top + 1,
    columns: Math.max(...taps.map(({ column }) => column)) - left + 1,
  };
  const choose = (row: number, column: number) => {
    setPosition(row);
    setPixel(from[row * columns + column]);
  };
  return (
    <section class="panel">
      <h2>{t("im2col")}</h2>
      <p class="note">{t("im2colNote", { rows, columns })}</p>
      <div class="unit">
        <div>
          <h3>{t("input", { stage: stage.name })}</h3>
          <Maps
            label={t("input", { stage: stage.name })}
            shape={source.shape}
            values={x}
            scale={scale}
            width={420}
            height={230}
            marks={[{ ...box, colour: "bad" }]}
            selected={pixel < 0 ? undefined : pixel}
            onSelect={setPixel}
          />
        </div>
        <div class="fields">
          <NumberField
            label={t("position")}
            value={position}
            fits={(value) => Number.isInteger(value) && value >= 0 && value < rows}
            rule={`0 … ${rows - 1}`}
            onChange={setPosition}
          />
          <p role="status">{pixel < 0 ? t("onPadding") : t("copies", { n: everywhere.length })}</p>
        </div>
      </div>
      <h3>{t("matrix", { from: first, to: first + shown - 1 })}</h3>
      <div class="wide">
        <Heatmap
          label={t("matrix", { from: first, to: first + shown - 1 })}
          rows={shown}
          columns={columns}
          cellSize={cellSize}
          at={(row, column) => values[(first + row) * columns + column]}
          version={`${view.version}/${at.stage}/${at.image}/${first}`}
          scale={scale}
          colourAt={(row, column) =>
            from[(first + row) * columns + column] < 0 ? [150, 150, 150] : undefined
          }
          marks={[
            { row: position - first, column: 0, rows: 1, columns, colour: "bad" },
            ...lit(first, first + shown),
          ]}
          onSelect={([row, column]) => choose(first + row, column)}
        />
      </div>
      <h3>{t("whole")}</h3>
      <div class="wide">
        <Heatmap
          label={t("whole")}
          rows={columns}
          columns={rows}
          cellSize={Math.max(1, Math.min(6, WIDTH / rows))}
          at={(column, row) => values[row * columns + column]}
          version={`${view.version}/${at.stage}/${at.image}/${pixel}/${position}`}
          scale={scale}
          colourAt={(column, row) => {
            const held = from[row * columns + column];
            if (held < 0) return [150, 150, 150];
            return held === pixel ? [0, 160, 70] : row === position ? [220, 60, 50] : undefined;
          }}
          marks={[{ row: 0, column: position, rows: columns, columns: 1, colour: "bad" }]}
          onSelect={([column, row]) => choose(row, column)}
          withoutTable
        />
      </div>
    </section>
  );
}
