/** One weight: what each image adds to its gradient, the terms of the image that is shown, and Adam's update. */
import { BarList } from "../../components/BarList.js";
import { Failure } from "../../components/Failure.js";
import { NumberField, SelectField } from "../../components/fields.js";
import { MathLine } from "../../components/math.js";
import { formatNumber } from "../../components/numbers.js";
import type { StepView, WeightTerm } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import { type At, goTo } from "../../explained.js";
import { setup } from "../../setup.js";
import { CellButton } from "./Forward.js";
import { adamFormulas, weightFormula } from "./formulas.js";
import { placeText, Sums, TermsTable, weightPlaceText } from "./Terms.js";
import { t } from "./words.js";

export function Weight({ view, at }: { readonly view: StepView; readonly at: At }) {
  // Without a choice: the first weight of the stage that is shown, or of the network.
  const own = Object.values(view.stages[at.stage].weights).find((name) =>
    view.weights.some((w) => w.name === name),
  );
  const weight = view.weights.find(({ name }) => name === (at.weight ?? own)) ?? view.weights[0];
  const count = weight.shape.reduce((product, size) => product * size, 1);
  const index = Math.min(at.weightIndex, count - 1);
  const argument = { version: view.version, name: weight.name, index, image: at.image };
  const { value, error } = useCall("weightCell", argument);
  const good = value && value.name === weight.name && value.index === index && value;
  return (
    <section class="panel weight" aria-label={t("weight")}>
      <h2>{t("weight")}</h2>
      <div class="pair">
        <SelectField
          label={t("weightName")}
          value={weight.name}
          choices={view.weights.map(({ name, shape }) => ({
            value: name,
            words: `${name} [${shape.join(", ")}]`,
          }))}
          onChange={(name) => goTo({ weight: name, weightIndex: 0 })}
        />
        <NumberField
          label={`${t("weightAt")} ${weightPlaceText(weight.shape, index)}`}
          value={index}
          fits={(value) => Number.isInteger(value) && value >= 0 && value < count}
          rule={t("weightAtRule", { most: count - 1 })}
          onChange={(value) => goTo({ weight: weight.name, weightIndex: value })}
        />
      </div>
      <Failure error={error} />
      {good && (
        <div class="split">
          <div>
            <h3>{t("dW")}</h3>
            <MathLine>{weightFormula(good)}</MathLine>
            <Sums
              name="weight"
              computed={good.computed}
              kernel={good.gradient}
              difference={good.difference}
            />
            <BarList
              caption={t("perImageCaption")}
              entries={good.images.map((value, image) => ({ name: String(image), value }))}
              chosen={at.image}
              onChoose={(image) => goTo({ image })}
            />
            {good.l2 && (
              <p class="note">
                {t("l2")}: {formatNumber(good.l2.term, 6)}
              </p>
            )}
            <WeightTerms view={view} image={at.image} terms={good.terms} />
          </div>
          <div>
            <h3>{t("adam", { t: good.update.t })}</h3>
            {adamFormulas(good).map(([name, formula]) => (
              <MathLine key={name}>{formula}</MathLine>
            ))}
            <p class="note">
              {t("adamNote")} {setup.value.optimizer !== "adam" && t("adamOther")}
            </p>
            <p class="note">
              {t("kernel")}: <strong data-value="new-weight">{formatNumber(good.update.kernel.w, 9)}</strong>
            </p>
          </div>
        </div>
      )}
    </section>
  );
}

function WeightTerms({
  view,
  image,
  terms,
}: {
  readonly view: StepView;
  readonly image: number;
  readonly terms: readonly WeightTerm[];
}) {
  const cell = (place: { stage: number; index: number } | undefined) => {
    if (!place) return "1";
    const stage = view.stages[place.stage];
    return (
      <CellButton
        name={placeText(stage.shape, place.index)}
        label={`${stage.name} ${placeText(stage.shape, place.index)}`}
        onChoose={() => goTo({ stage: place.stage, cell: place.index })}
      />
    );
  };
  return (
    <TermsTable
      caption={t("imageTerms", { image })}
      heads={[t("place"), t("x"), t("to"), t("dy"), "x · dY"]}
      terms={terms}
      row={({ from, x, to, dY, product }) => [
        cell(from),
        formatNumber(x, 6),
        cell(to),
        formatNumber(dY, 6),
        formatNumber(product, 6),
      ]}
    />
  );
}
