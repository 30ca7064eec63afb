/** Train: pick a network, watch it learn, hold its hash against the command line's. */
import { useEffect } from "preact/hooks";
import { commandLine } from "../commandLine.js";
import { CopyText } from "../components/CopyText.js";
import { LineChart } from "../components/LineChart.js";
import { MOST_STEPS } from "../explained.js";
import { addressOf } from "../router.js";
import { setup } from "../setup.js";
import { curves, data, followSetup, run, running } from "../training.js";
import type { Page } from "./page.js";
import { ConfusionTable } from "./train/ConfusionTable.js";
import { Controls } from "./train/Controls.js";
import { Predictions } from "./train/Predictions.js";
import { Settings } from "./train/Settings.js";
import "./train/train.css";
import { t } from "./train/words.js";

const CHART_HEIGHT = 180;

function Train() {
  useEffect(followSetup, []);
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <div class="columns">
        <Settings />
        <div class="stack">
          <Controls />
          <Charts />
          <Proof />
          <div class="split">
            <Predictions />
            <ConfusionTable />
          </div>
          {data.value && <small class="hint">{t("licence", { licence: data.value.licence })}</small>}
        </div>
      </div>
    </>
  );
}

function Charts() {
  const { loss, accuracy, validationLoss, validationAccuracy } = curves.value;
  const lines = (training: typeof loss, validation: typeof loss) => [
    { name: t("training"), colour: "train", points: training },
    { name: t("validation"), colour: "validation", points: validation, dots: true },
  ];
  return (
    <div class="split">
      <section class="panel">
        <LineChart
          label={t("loss")}
          xLabel={t("steps")}
          lines={lines(loss, validationLoss)}
          version={curves.value}
          height={CHART_HEIGHT}
        />
      </section>
      <section class="panel">
        <LineChart
          label={t("accuracy")}
          xLabel={t("steps")}
          lines={lines(accuracy, validationAccuracy)}
          version={curves.value}
          height={CHART_HEIGHT}
          yRange={[0, 1]}
        />
      </section>
    </div>
  );
}

/** The hash, and the command that gives the same one. */
function Proof() {
  if (!run.value) return null;
  const { step, weightsSha256 } = run.value;
  const command = commandLine(setup.value, step || undefined);
  const changing = running.value !== undefined;
  return (
    <section class="panel proof">
      <CopyText label={t("hash")} text={changing ? t("changing") : weightsSha256} />
      {!changing && <CopyText label={t("command")} text={command} />}
      {!changing && setup.value.optimizer === "adam" && step <= MOST_STEPS && (
        <a href={addressOf("step", { steps: step || undefined })}>{t("takeApart", { step: step + 1 })}</a>
      )}
    </section>
  );
}

export const trainPage: Page = { name: "train", title: () => t("title"), Page: Train };
