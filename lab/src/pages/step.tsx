/** Step through a step: walk the network forward, then backward; choose any cell and see what it is made of. */
import { useState } from "preact/hooks";
import { CopyText } from "../components/CopyText.js";
import { divergingScale } from "../components/colours.js";
import { Failure } from "../components/Failure.js";
import { Figures } from "../components/Figures.js";
import { SelectField } from "../components/fields.js";
import { type MapMark, Maps } from "../components/Maps.js";
import { formatNumber, formatShape } from "../components/numbers.js";
import { PictureChoice } from "../components/PictureChoice.js";
import { StepsField } from "../components/StepsField.js";
import type { MapsView, Stage, StepView } from "../engine/protocol/explain.js";
import { useCall } from "../engine/useCall.js";
import { type At, goTo, MOST_STEPS, networkChoices, useChosen, useStep } from "../explained.js";
import { addressOf } from "../router.js";
import { changeSetup, setup } from "../setup.js";
import type { Page } from "./page.js";
import { Backward } from "./step/Backward.js";
import { Forward } from "./step/Forward.js";
import { reached, windowMarks } from "./step/reach.js";
import { StageList } from "./step/StageList.js";
import { Weight } from "./step/Weight.js";
import { t } from "./step/words.js";
import "./step/step.css";

function Step() {
  const { value: view, error, waiting } = useStep();
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <Failure error={error} />
      {view ? <Explained view={view} /> : waiting && <p>{t("waiting")}</p>}
    </>
  );
}

function Explained({ view }: { readonly view: StepView }) {
  const at = useChosen(view);
  return (
    <div class="columns">
      <div class="stack">
        <Choices view={view} at={at} />
        <section class="panel" aria-label={t("stages")}>
          <h2>{t("stages")}</h2>
          <StageList stages={view.stages} selected={at.stage} onSelect={(stage) => goTo({ stage })} />
        </section>
      </div>
      <div class="stack">
        <Walk view={view} at={at} />
        <Pair view={view} at={at} />
        <div class="split">
          <Forward view={view} at={at} />
          <Backward view={view} at={at} />
        </div>
        <Weight view={view} at={at} />
      </div>
    </div>
  );
}

function Choices({ view, at }: { readonly view: StepView; readonly at: At }) {
  const { labels, classes, probabilities, imageShape, pixels } = view;
  const predicted = (image: number) => {
    const row = probabilities.subarray(image * classes.length, (image + 1) * classes.length);
    return classes[row.indexOf(Math.max(...row))];
  };
  return (
    <section class="panel fields">
      <SelectField
        label={t("network")}
        value={setup.value.network}
        choices={networkChoices()}
        onChange={(network) => {
          goTo({ stage: 0, weight: undefined, weightIndex: 0 });
          changeSetup({ network });
        }}
      />
      <StepsField />
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={at.steps >= MOST_STEPS}
          onClick={() => goTo({ steps: at.steps + 1 })}
        >
          {t("take")}
        </button>
        <button type="button" disabled={at.steps === 0} onClick={() => goTo({ steps: 0 })}>
          {t("restart")}
        </button>
      </div>
      <PictureChoice
        label={t("image")}
        pixels={pixels}
        shape={imageShape}
        selected={at.image}
        names={labels.map((label, n) =>
          t("imageName", { n, label: classes[label], predicted: predicted(n) }),
        )}
        onSelect={(image) => goTo({ image })}
      />
      <p class="note">
        {t("imageName", { n: at.image, label: classes[labels[at.image]], predicted: predicted(at.image) })}
      </p>
    </section>
  );
}

/** All stages forward, then all of them backward. */
function Walk({ view, at }: { readonly view: StepView; readonly at: At }) {
  const last = view.stages.length - 1;
  const position = at.backward ? 2 * last + 1 - at.stage : at.stage;
  const go = (to: number) => {
    const backward = to > last;
    goTo({ stage: backward ? 2 * last + 1 - to : to, backward });
  };
  const stage = view.stages[at.stage];
  const way = at.backward ? t("backwardWalk") : t("forwardWalk");
  const label = view.labels[at.image];
  const p = view.probabilities[at.image * view.classes.length + label];
  return (
    <section class="panel walk" aria-label={t("walk")}>
      <div class="buttons">
        <button type="button" disabled={position === 0} onClick={() => go(position - 1)}>
          ← {t("previous")}
        </button>
        <button
          type="button"
          class="primary"
          disabled={position === 2 * last + 1}
          onClick={() => go(position + 1)}
        >
          {t("next")} →
        </button>
      </div>
      <div class="walk-where" aria-live="polite">
        <strong>
          {stage.name} <span class="muted">{formatShape(stage.shape)}</span>
        </strong>
        <span class={at.backward ? "way backward" : "way"}>
          {t("where", { way, at: (at.backward ? last - at.stage : at.stage) + 1, all: last + 1 })}
        </span>
        <span class="links">
          <a href={addressOf("layer", { stage: at.stage, image: at.image, steps: at.steps, cell: at.cell })}>
            {t("layerPage")}
          </a>
          <a href={addressOf("receptive", { stage: at.stage, cell: at.cell, steps: at.steps })}>
            {t("fieldPage")}
          </a>
        </span>
      </div>
      <Figures
        entries={[
          { name: t("loss"), value: formatNumber(view.loss, 6), key: "loss" },
          { name: t("probability", { label: view.classes[label] }), value: formatNumber(p, 4), key: "p" },
        ]}
      />
      <CopyText label={t("hash")} text={view.shaAfter} />
    </section>
  );
}

const MAP = { width: 430, height: 300 };
const SMALL = { width: 430, height: 150 };

/** Values on one side, gradients on the other: the same cells at the same size. */
function Pair({ view, at }: { readonly view: StepView; readonly at: At }) {
  const [together, setTogether] = useState(false);
  const { value, error } = useCall("stageMaps", { version: view.version, stage: at.stage, image: at.image });
  const stage = view.stages[at.stage];
  if (!value || value.shape.join() !== stage.shape.join()) return <Failure error={error} />;
  const { y, dY } = value;
  const scales = together
    ? { y: divergingScale(y, dY ?? []), dY: divergingScale(y, dY ?? []) }
    : { y: divergingScale(y), dY: divergingScale(dY ?? []) };
  const choose = (backward: boolean) => (cell: number) => goTo({ stage: at.stage, cell, backward });
  return (
    <section class="panel pair-of-maps">
      <label class="check">
        <input
          type="checkbox"
          checked={together}
          onChange={({ currentTarget }) => setTogether(currentTarget.checked)}
        />{" "}
        {t("oneScale")}
      </label>
      <div class="sides">
        <div class={at.backward ? "side" : "side current"}>
          <h2>{t("values", { stage: stage.name })}</h2>
          <Maps
            label={t("values", { stage: stage.name })}
            shape={stage.shape}
            values={y}
            scale={scales.y}
            {...MAP}
            selected={at.cell}
            onSelect={choose(false)}
          />
          <ScaleNote most={scales.y.kind === "diverging" ? scales.y.most : 0} />
          {stage.inputs.map((input, i) => (
            <Neighbour
              key={`${input}/${i}`}
              view={view}
              at={at}
              stage={view.stages[input]}
              marks={windowMarks(view.stages, stage, input, i, at.cell)}
            />
          ))}
        </div>
        <div class={at.backward ? "side current" : "side"}>
          <h2>{t("gradients", { stage: stage.name })}</h2>
          {dY ? (
            <>
              <Maps
                label={t("gradients", { stage: stage.name })}
                shape={stage.shape}
                values={dY}
                scale={scales.dY}
                {...MAP}
                selected={at.cell}
                onSelect={choose(true)}
              />
              <ScaleNote most={scales.dY.kind === "diverging" ? scales.dY.most : 0} />
            </>
          ) : (
            <p>{t("noGradient")}</p>
          )}
          {at.stage === view.logits && <p class="note">{t("intoLoss")}</p>}
          {reached(view.stages, at.stage, at.cell).map(({ consumer, marks }) => (
            <Neighbour key={consumer.index} view={view} at={at} stage={consumer} marks={marks} gradients />
          ))}
        </div>
      </div>
    </section>
  );
}

function ScaleNote({ most }: { readonly most: number }) {
  return <small class="hint">{t("scaleNote", { most: formatNumber(most, 3) })}</small>;
}

/** The stage before, or one behind, small: where the chosen cell comes from, or goes. */
function Neighbour({
  view,
  at,
  stage,
  marks,
  gradients = false,
}: {
  readonly view: StepView;
  readonly at: At;
  readonly stage: Stage;
  readonly marks: readonly MapMark[];
  readonly gradients?: boolean;
}) {
  const { value } = useCall("stageMaps", { version: view.version, stage: stage.index, image: at.image });
  const numbers = value && fitting(value, stage) && (gradients ? value.dY : value.y);
  if (!numbers) return null;
  const label = gradients ? t("into", { stage: stage.name }) : t("from", { stage: stage.name });
  return (
    <div class="neighbour">
      <h3>{label}</h3>
      <Maps
        label={label}
        shape={stage.shape}
        values={numbers}
        scale={divergingScale(numbers)}
        {...SMALL}
        marks={marks}
        onSelect={(cell) => goTo({ stage: stage.index, cell, backward: gradients })}
      />
    </div>
  );
}

const fitting = (value: MapsView, stage: Stage) => value.shape.join() === stage.shape.join();

export const stepPage: Page = { name: "step", title: () => t("title"), Page: Step };
