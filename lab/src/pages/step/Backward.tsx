/** Backward: every path by which the loss reaches one number, term by term. */
import { Failure } from "../../components/Failure.js";
import { MathLine } from "../../components/math.js";
import { formatNumber } from "../../components/numbers.js";
import type { BackwardTerm, Path, StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import { type At, goTo } from "../../explained.js";
import { CellButton, WeightButton } from "./Forward.js";
import { backwardFormula, pathNumbers, totalNumbers } from "./formulas.js";
import { cellName, placeText, Sums, TermsTable, weightPlaceText } from "./Terms.js";
import { t } from "./words.js";

export function Backward({ view, at }: { readonly view: StepView; readonly at: At }) {
  const cell = { stage: at.stage, image: at.image, index: at.cell };
  const { value, error, waiting } = useCall("backwardCell", { version: view.version, cell });
  if (!value) {
    return (
      <section class="panel backward" aria-label={t("backward")}>
        <h2>{t("backward")}</h2>
        {error || waiting ? <Failure error={error} /> : <p>{t("noGradient")}</p>}
      </section>
    );
  }
  if (value.cell.stage !== at.stage) return null;
  return (
    <section class="panel backward" aria-label={t("backward")}>
      <h2>{t("backward")}</h2>
      <p class="what">{cellName(view.stages[at.stage], at.cell)}</p>
      {value.paths.map((path) => (
        <PathView key={`${path.name}/${path.input}`} view={view} path={path} />
      ))}
      {value.paths.length > 1 && (
        <>
          <h3>{t("total")}</h3>
          <MathLine>{totalNumbers(value)}</MathLine>
          <Sums
            name="backward"
            computed={value.computed}
            kernel={value.gradient}
            difference={value.difference}
          />
        </>
      )}
    </section>
  );
}

function PathView({ view, path }: { readonly view: StepView; readonly path: Path }) {
  const stage = path.stage === undefined ? undefined : view.stages[path.stage];
  const title = stage ? t("viaStage", { stage: stage.name }) : t("lossPath");
  const weighted = path.terms.some(({ weight }) => weight);
  const heads = [
    t("to"),
    t("dy"),
    ...(weighted ? [path.terms[0].weight!.name] : []),
    t("factor"),
    t("backProduct"),
  ];
  const row = (term: BackwardTerm) => {
    const { to, dY, factor, weight, product, way } = term;
    const target = to && view.stages[to.stage];
    const place = way
      ? t(`ways_${way}`)
      : to &&
        target && (
          <CellButton
            name={placeText(target.shape, to.index)}
            label={`${target.name} ${placeText(target.shape, to.index)}`}
            onChoose={() => goTo({ stage: to.stage, cell: to.index })}
          />
        );
    const shape = weight && view.weights.find(({ name }) => name === weight.name)?.shape;
    return [
      place,
      formatNumber(dY, 6),
      ...(weighted
        ? [
            weight && (
              <WeightButton
                short
                key="w"
                name={weight.name}
                index={weight.index}
                place={weightPlaceText(shape ?? [], weight.index)}
              />
            ),
          ]
        : []),
      formatNumber(factor, 6),
      formatNumber(product, 6),
    ];
  };
  return (
    <div class="path">
      <h3>{title}</h3>
      <MathLine>{backwardFormula(stage)}</MathLine>
      <MathLine>{pathNumbers(path)}</MathLine>
      <Sums name={path.name} computed={path.computed} kernel={path.sent} difference={path.difference} />
      {stage && (
        <TermsTable
          caption={t("termsBackward", { path: path.name })}
          heads={heads}
          terms={path.terms}
          row={row}
        />
      )}
    </div>
  );
}
