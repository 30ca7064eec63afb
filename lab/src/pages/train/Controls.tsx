/** Start, pause, one step, one epoch; and where the run stands. */
import { Failure } from "../../components/Failure.js";
import { Figures } from "../../components/Figures.js";
import { formatCount, formatNumber, formatShare } from "../../components/numbers.js";
import { advance, error, pause, progress, restart, run, running } from "../../training.js";
import { t } from "./words.js";

export function Controls() {
  const busy = running.value !== undefined;
  const ready = run.value !== undefined;
  return (
    <section class="panel stack">
      <div class="controls">
        <div class="buttons no-print">
          {running.value !== "pause" && running.value !== "epoch" ? (
            <button
              type="button"
              class="primary"
              disabled={!ready || busy}
              onClick={() => void advance("pause")}
            >
              {t("start")}
            </button>
          ) : (
            <button type="button" class="primary" onClick={pause}>
              {t("pause")}
            </button>
          )}
          <button type="button" disabled={!ready || busy} onClick={() => void advance("step")}>
            {t("step")}
          </button>
          <button type="button" disabled={!ready || busy} onClick={() => void advance("epoch")}>
            {t("epoch")}
          </button>
          <button type="button" class="quiet" disabled={!ready || busy} onClick={() => void restart()}>
            {t("again")}
          </button>
        </div>
        <Standing />
      </div>
      <Failure error={error.value} />
      <span class="spoken" role="status">
        {busy ? t("runningNow") : t("standing", { step: run.value?.step ?? 0 })}
      </span>
    </section>
  );
}

/** While it runs, what it tells of itself; when it stands, where. */
function Standing() {
  const live = running.value ? progress.value : undefined;
  const { step = 0, epoch = 0, stepInEpoch = 0, stepsPerEpoch = 0, current, epochs = [] } = run.value ?? {};
  const last = live ?? current ?? epochs.at(-1)?.training;
  const speed = live?.phase === "validation" ? t("validating") : undefined;
  const within = live ? `${live.step}/${live.steps}` : `${stepInEpoch}/${stepsPerEpoch}`;
  return (
    <Figures
      entries={[
        { key: "step", name: t("stepFigure"), value: formatCount(live?.totalSteps ?? step) },
        { key: "epoch", name: t("epochFigure"), value: `${(live?.epoch ?? epoch) + 1} · ${within}` },
        { key: "loss", name: t("lossFigure"), value: last ? formatNumber(last.loss) : "–" },
        { key: "accuracy", name: t("accuracyFigure"), value: last ? formatShare(last.accuracy) : "–" },
        {
          key: "speed",
          name: t("speedFigure"),
          value: speed ?? (progress.value ? formatCount(Math.round(progress.value.imagesPerSecond)) : "–"),
        },
      ]}
    />
  );
}
