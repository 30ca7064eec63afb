/** Batch normalisation's gradient as three maps that add up. */
import { divergingScale } from "../../components/colours.js";
import { Failure } from "../../components/Failure.js";
import { Figures } from "../../components/Figures.js";
import { SelectField } from "../../components/fields.js";
import { Heatmap } from "../../components/Heatmap.js";
import { formatCount, formatNumber } from "../../components/numbers.js";
import { placeOf } from "../../engine/geometry.js";
import type { StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import { type At, goTo } from "../../explained.js";
import { FourMaps } from "./FourMaps.js";
import { t } from "./words.js";

export function NormalizationView({ view, at }: { readonly view: StepView; readonly at: At }) {
  const { shape } = view.stages[at.stage];
  const channels = shape[shape.length - 1];
  const { row, column, channel } = placeOf(shape, at.cell);
  const argument = { version: view.version, stage: at.stage, image: at.image, channel };
  const { value, error } = useCall("normalization", argument);
  const [height, width] = shape.length === 3 ? shape : [1, 1];
  if (!value || value.direct.length !== height * width) return <Failure error={error} />;
  const scale = divergingScale(value.direct, value.mean, value.variance, value.gradient);
  const { numbers } = value;
  const maps = [
    { name: "direct", label: t("direct"), values: value.direct, sign: "" },
    { name: "mean", label: t("byMean"), values: value.mean, sign: "+" },
    { name: "variance", label: t("byVariance"), values: value.variance, sign: "+" },
    { name: "sum", label: t("sum"), values: value.computed, sign: "=" },
    { name: "kernel", label: t("kernelDX"), values: value.gradient, sign: "≈" },
  ];
  const at0 = row * width + column;
  return (
    <>
      <section class="panel">
        <h2>{t("normalization")}</h2>
        <p class="note">{numbers.batchStatistics ? t("normalizationNote") : t("movingNote")}</p>
        <div class="inline">
          <SelectField
            label={t("channel")}
            value={String(channel)}
            choices={Array.from({ length: channels }, (_, c) => ({ value: String(c), words: String(c) }))}
            onChange={(c) => goTo({ stage: at.stage, cell: at.cell - channel + Number(c) })}
          />
        </div>
        <div class="three">
          {maps.map(({ name, label, values, sign }) => (
            <figure key={name}>
              <figcaption>
                <span class="sign">{sign}</span> {label}
              </figcaption>
              <Heatmap
                label={label}
                rows={height}
                columns={width}
                cellSize={Math.max(2, Math.min(20, Math.floor(170 / width)))}
                at={(i, j) => values[i * width + j]}
                version={values}
                scale={scale}
                selected={[row, column]}
                onSelect={([i, j]) => goTo({ stage: at.stage, cell: (i * width + j) * channels + channel })}
              />
              <strong class="mono" data-map={name}>
                {formatNumber(values[at0], 6)}
              </strong>
            </figure>
          ))}
        </div>
        <Figures
          entries={[
            { name: "μ", value: formatNumber(numbers.mean, 6) },
            { name: "v", value: formatNumber(numbers.variance, 6) },
            { name: "γ", value: formatNumber(numbers.gamma, 6) },
            { name: "Σ dY", value: formatNumber(numbers.dBeta, 6) },
            { name: "Σ dY · x̂", value: formatNumber(numbers.dGamma, 6) },
            { name: t("M"), value: formatCount(numbers.M) },
          ]}
        />
      </section>
      <FourMaps view={view} at={at} />
    </>
  );
}
