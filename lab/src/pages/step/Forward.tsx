/** Forward: the multiply-adds that made one number. */
import { useState } from "preact/hooks";
import { divergingScale } from "../../components/colours.js";
import { Failure } from "../../components/Failure.js";
import { Heatmap } from "../../components/Heatmap.js";
import { MathLine } from "../../components/math.js";
import { formatCount, formatNumber } from "../../components/numbers.js";
import type { ForwardCell, ForwardTerm, Stage, StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import { type At, goTo } from "../../explained.js";
import { forwardFormula, forwardNumbers } from "./formulas.js";
import { cellName, placeText, Sums, TermsTable, weightPlaceText } from "./Terms.js";
import { t } from "./words.js";

export function Forward({ view, at }: { readonly view: StepView; readonly at: At }) {
  const stage = view.stages[at.stage];
  const cell = { stage: at.stage, image: at.image, index: at.cell };
  const { value, error } = useCall("forwardCell", { version: view.version, cell });
  if (!value || value.cell.stage !== at.stage) return <Failure error={error} />;
  return (
    <section class="panel forward" aria-label={t("forward")}>
      <h2>{t("forward")}</h2>
      <p class="what">{cellName(stage, at.cell)}</p>
      {value.form !== "given" && <MathLine>{forwardFormula(stage)}</MathLine>}
      <MathLine>{forwardNumbers(value)}</MathLine>
      {value.form === "given" ? (
        <p>{t("input")}</p>
      ) : (
        <>
          <Sums name="forward" computed={value.computed} kernel={value.y} difference={value.difference} />
          {stage.kind === "conv2d" && <Patch view={view} stage={stage} found={value} />}
          <ForwardTerms view={view} stage={stage} found={value} />
        </>
      )}
    </section>
  );
}

function ForwardTerms({
  view,
  stage,
  found,
}: {
  readonly view: StepView;
  readonly stage: Stage;
  readonly found: ForwardCell;
}) {
  const weighted = found.terms.some(({ weight }) => weight);
  const sources = new Set(found.terms.map(({ from }) => view.stages[from.stage].name));
  const sourceName = [...sources].join(", ");
  const heads = weighted
    ? [sourceName, t("x"), found.terms[0].weight!.name, t("w"), t("product")]
    : [sourceName, t("x"), t("factor"), t("product")];
  const row = ({ from, x, factor, weight, product }: ForwardTerm) => {
    const source = view.stages[from.stage];
    const place = (
      <CellButton
        name={placeText(source.shape, from.index)}
        label={`${source.name} ${placeText(source.shape, from.index)}`}
        onChoose={() => goTo({ stage: from.stage, cell: from.index })}
      />
    );
    if (!weight)
      return [
        place,
        formatNumber(x, 6),
        factor === undefined ? "" : formatNumber(factor, 6),
        formatNumber(product, 6),
      ];
    const shape = view.weights.find(({ name }) => name === weight.name)?.shape ?? [];
    return [
      place,
      formatNumber(x, 6),
      <WeightButton
        short
        key="w"
        name={weight.name}
        index={weight.index}
        place={weightPlaceText(shape, weight.index)}
      />,
      formatNumber(weight.value, 6),
      formatNumber(product, 6),
    ];
  };
  return (
    <>
      <p class="note">
        {t("product_of", { n: formatCount(found.terms.length) })}
        {found.padded > 0 && ` ${t("padded", { n: found.padded })}`}
      </p>
      <TermsTable
        caption={t("termsForward", { cell: cellName(stage, found.cell.index) })}
        heads={heads}
        terms={found.terms}
        row={row}
      />
      {found.bias && (
        <p class="note">
          {t("bias", { name: "" })}
          <WeightButton name={found.bias.name} index={found.bias.index} place={`[${found.bias.index}]`} />{" "}
          {formatNumber(found.bias.value, 6)}
        </p>
      )}
    </>
  );
}

export function CellButton({
  name,
  label,
  onChoose,
}: {
  readonly name: string;
  readonly label: string;
  readonly onChoose: () => void;
}) {
  return (
    <button type="button" class="link" aria-label={label} onClick={onChoose}>
      {name}
    </button>
  );
}

export function WeightButton({
  name,
  index,
  place,
  short = false,
}: {
  readonly name: string;
  readonly index: number;
  readonly place: string;
  /** Its place alone: the weight's name stands above. */
  readonly short?: boolean;
}) {
  return (
    <button
      type="button"
      class="link"
      aria-label={t("chooseWeight", { name, place })}
      onClick={() => goTo({ weight: name, weightIndex: index })}
    >
      {short ? place : `${name} ${place}`}
    </button>
  );
}

/** One input channel's window, the kernel's part that lies on it, and their products, as three grids. */
function Patch({
  view,
  stage,
  found,
}: {
  readonly view: StepView;
  readonly stage: Stage;
  readonly found: ForwardCell;
}) {
  const [chosen, setChosen] = useState(0);
  const [kh, kw] = stage.window!.kernel;
  const source = view.stages[stage.inputs[0]];
  const channels = source.shape[2];
  const channel = Math.min(chosen, channels - 1);
  const filters = stage.shape[2];
  const grids = {
    x: new Float64Array(kh * kw),
    w: new Float64Array(kh * kw),
    product: new Float64Array(kh * kw),
  };
  for (const { x, weight, product } of found.terms) {
    const tap = Math.floor(weight!.index / filters);
    if (tap % channels !== channel) continue;
    const position = Math.floor(tap / channels);
    grids.x[position] = x;
    grids.w[position] = weight!.value;
    grids.product[position] = product;
  }
  const cellSize = 27;
  return (
    <div class="patch-box">
      {channels > 1 && (
        <label class="inline">
          {t("channelShown", { c: "" })}
          <select
            value={String(channel)}
            onChange={({ currentTarget }) => setChosen(Number(currentTarget.value))}
          >
            {Array.from({ length: channels }, (_, c) => (
              <option key={String(c)} value={String(c)}>
                {c}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class="patch">
        {(["x", "w", "product"] as const).map((name) => (
          <figure key={name}>
            <figcaption>
              {name === "x" ? t("patchX") : name === "w" ? t("patchW") : t("patchProduct")}
            </figcaption>
            <Heatmap
              label={`${name === "product" ? t("patchProduct") : name}, ${t("channelShown", { c: channel })}`}
              rows={kh}
              columns={kw}
              at={(row, column) => grids[name][row * kw + column]}
              version={found}
              scale={divergingScale(grids[name])}
              cellSize={cellSize}
              numbers
              withoutTable
            />
          </figure>
        ))}
      </div>
    </div>
  );
}
