/** Padding: the output-size rule with its numbers put in, and the picture with its greyed border. */
import { useState } from "preact/hooks";
import { Failure } from "../../components/Failure.js";
import { NumberField, SelectField } from "../../components/fields.js";
import { type Cell, Heatmap } from "../../components/Heatmap.js";
import { type Formula, fraction, MathLine } from "../../components/math.js";
import type { AxisNumbers, StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import type { At } from "../../explained.js";
import { t } from "./words.js";

const MOST = 64;

export function PaddingView({ view, at }: { readonly view: StepView; readonly at: At }) {
  const stage = view.stages[at.stage];
  const { window } = stage;
  const source = view.stages[stage.inputs[0] ?? 0];
  const [size, setSize] = useState(Math.min(MOST, source.shape[0]));
  const [kernel, setKernel] = useState(window?.kernel[0] ?? 3);
  const [stride, setStride] = useState(window?.strides[0] ?? 1);
  const [padding, setPadding] = useState(window?.padding ?? "same");
  const [chosen, setChosen] = useState<Cell>([0, 0]);
  const { value, error } = useCall("axis", { size, kernel, stride, padding });
  if (!window) return null;
  const whole = (value: number) => Number.isInteger(value) && value >= 1 && value <= MOST;
  const rule = t("positive", { most: MOST });
  return (
    <section class="panel" aria-label={t("padding")}>
      <h2>{t("padding")}</h2>
      <div class="unit">
        <div class="fields">
          <NumberField label={t("size")} value={size} fits={whole} rule={rule} onChange={setSize} />
          <NumberField label={t("kernel")} value={kernel} fits={whole} rule={rule} onChange={setKernel} />
          <NumberField label={t("stride")} value={stride} fits={whole} rule={rule} onChange={setStride} />
          <SelectField
            label={t("paddingKind")}
            value={padding}
            choices={[
              { value: "same", words: t("same") },
              { value: "valid", words: t("valid") },
            ]}
            onChange={setPadding}
          />
        </div>
        <div>
          <Failure error={error} />
          {value && (
            <>
              {formulas(value).map((formula, line) => (
                <MathLine key={String(line)}>{formula}</MathLine>
              ))}
              <p role="status" data-value="axis">
                {value.out < 1 ? t("noFit") : t("sizes", { ...value })}
              </p>
              {value.out >= 1 && <Drawing axis={value} chosen={chosen} onChoose={setChosen} />}
            </>
          )}
        </div>
      </div>
    </section>
  );
}

function formulas({
  size,
  kernel,
  stride,
  padding,
  out,
  total,
  before,
  after,
}: AxisNumbers): readonly Formula[] {
  if (padding === "valid") {
    return [
      [
        "out = ⌊",
        fraction("size − kernel", "stride"),
        "⌋ + 1 = ⌊",
        fraction(`${size} − ${kernel}`, `${stride}`),
        `⌋ + 1 = ${out}`,
      ],
    ];
  }
  return [
    ["out = ⌈", fraction("size", "stride"), "⌉ = ⌈", fraction(`${size}`, `${stride}`), `⌉ = ${out}`],
    [
      `total = max ( ( out − 1 ) · stride + kernel − size , 0 ) = max ( ( ${out} − 1 ) · ${stride} + ${kernel} − ${size} , 0 ) = ${total}`,
    ],
    [`before = ⌊`, fraction("total", "2"), `⌋ = ${before} , after = total − before = ${after}`],
  ];
}

function Drawing({
  axis: { size, kernel, stride, out, before, after, unseen },
  chosen,
  onChoose,
}: {
  readonly axis: AxisNumbers;
  readonly chosen: Cell;
  readonly onChoose: (cell: Cell) => void;
}) {
  const all = size + before + after;
  const [row, column] = [Math.min(chosen[0], out - 1), Math.min(chosen[1], out - 1)];
  const inside = (at: number) => at >= before && at < before + size;
  const seen = (at: number) => at < before + size - unseen;
  const cellSize = Math.max(3, Math.min(20, Math.floor(310 / all)));
  const window = { row: row * stride, column: column * stride, rows: kernel, columns: kernel, colour: "bad" };
  return (
    <div class="two-grids">
      <figure>
        <figcaption>{t("drawing")}</figcaption>
        <Heatmap
          label={t("drawing")}
          rows={all}
          columns={all}
          cellSize={cellSize}
          at={(i, j) => (inside(i) && inside(j) ? 1 : 0)}
          version={`${size}/${before}/${after}/${unseen}`}
          scale={{ kind: "sequential", least: 0, most: 1 }}
          colourAt={(i, j) => {
            if (!inside(i) || !inside(j)) return (i + j) % 2 ? [150, 150, 150] : [165, 165, 165];
            if (!seen(i) || !seen(j)) return (i + j) % 2 ? [240, 205, 200] : [246, 217, 212];
            return (i + j) % 2 ? [197, 217, 238] : [213, 228, 243];
          }}
          marks={[window]}
          withoutTable
        />
      </figure>
      <figure>
        <figcaption>
          {t("output")} {out}×{out}
        </figcaption>
        <Heatmap
          label={t("output")}
          rows={out}
          columns={out}
          cellSize={cellSize}
          at={() => 1}
          version={out}
          scale={{ kind: "sequential", least: 0, most: 1 }}
          colourAt={(i, j) => ((i + j) % 2 ? [214, 232, 220] : [228, 241, 232])}
          selected={[row, column]}
          onSelect={onChoose}
          say={([i, j]) => t("outputCell", { row: i, column: j })}
          withoutTable
        />
      </figure>
    </div>
  );
}
