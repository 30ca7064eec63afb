/** A layer's own page: what is particular to its kind, with the numbers of the step. */
import { Failure } from "../components/Failure.js";
import { SelectField } from "../components/fields.js";
import { MathLine } from "../components/math.js";
import { formatShape } from "../components/numbers.js";
import { PictureChoice } from "../components/PictureChoice.js";
import { StepsField } from "../components/StepsField.js";
import type { StepView } from "../engine/protocol/explain.js";
import { type At, goTo, networkChoices, useChosen, useStep } from "../explained.js";
import { addressOf, parameter } from "../router.js";
import { changeSetup, setup } from "../setup.js";
import { Loss } from "./layer/Loss.js";
import { MaskMaps } from "./layer/MaskMaps.js";
import { Matrix } from "./layer/Matrix.js";
import { NormalizationView } from "./layer/NormalizationView.js";
import { PaddingView } from "./layer/PaddingView.js";
import { RoutesMap } from "./layer/RoutesMap.js";
import { t } from "./layer/words.js";
import type { Page } from "./page.js";
import { backwardFormula, forwardFormula } from "./step/formulas.js";
import { StageList } from "./step/StageList.js";
import "./step/step.css";
import "./layer/layer.css";

function LayerPage() {
  const { value: view, error } = useStep();
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <Failure error={error} />
      {view ? <Shown view={view} /> : !error && <p>{t("waiting")}</p>}
    </>
  );
}

/** `#/layer?kind=conv2d`, as the docs link: the network's first stage of that kind. */
function stageOfKind(view: StepView): number | undefined {
  const kind = parameter("kind");
  const found = view.stages.find((stage) => stage.kind === kind);
  return parameter("stage") === undefined ? found?.index : undefined;
}

function Shown({ view }: { readonly view: StepView }) {
  const chosen = useChosen(view);
  const stage = view.stages[stageOfKind(view) ?? chosen.stage];
  const at: At = stage.index === chosen.stage ? chosen : { ...chosen, stage: stage.index, cell: 0 };
  return (
    <div class="columns">
      <div class="stack">
        <section class="panel fields">
          <SelectField
            label={t("network")}
            value={setup.value.network}
            choices={networkChoices()}
            onChange={(network) => {
              goTo({ stage: 0 });
              changeSetup({ network });
            }}
          />
          <StepsField />
          <PictureChoice
            label={t("image")}
            pixels={view.pixels}
            shape={view.imageShape}
            selected={at.image}
            names={view.labels.map((label, n) => `${n}: ${view.classes[label]}`)}
            onSelect={(image) => goTo({ image })}
          />
        </section>
        <section class="panel" aria-label={t("stages")}>
          <h2>{t("stages")}</h2>
          <StageList
            stages={view.stages}
            selected={stage.index}
            onSelect={(next) => goTo({ stage: next, cell: undefined })}
          />
        </section>
      </div>
      <div class="stack">
        <section class="panel">
          <h2>
            {stage.name} <span class="muted">{formatShape(stage.shape)}</span>
          </h2>
          <MathLine>{forwardFormula(stage)}</MathLine>
          <MathLine>{backwardFormula(stage)}</MathLine>
          <p class="links">
            <a href={addressOf("step", { stage: stage.index, image: at.image, steps: at.steps })}>
              {t("stepPage")}
            </a>
            <a href={addressOf("receptive", { stage: stage.index })}>{t("fieldPage")}</a>
          </p>
        </section>
        <Own key={stage.index} view={view} at={at} />
        <PaddingView key={`padding/${stage.index}`} view={view} at={at} />
        <Loss view={view} at={at} />
      </div>
    </div>
  );
}

function Own({ view, at }: { readonly view: StepView; readonly at: At }) {
  const { kind, activation } = view.stages[at.stage];
  switch (kind) {
    case "conv2d":
      return <Matrix view={view} at={at} />;
    case "max_pooling2d":
      return <RoutesMap view={view} at={at} />;
    case "dropout":
      return <MaskMaps view={view} at={at} />;
    case "batch_normalization":
      return <NormalizationView view={view} at={at} />;
    case "activation":
      return activation === "relu" ? <MaskMaps view={view} at={at} /> : null;
    default:
      return null;
  }
}

export const layerPage: Page = { name: "layer", title: () => t("title"), Page: LayerPage };
