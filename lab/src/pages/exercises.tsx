/** Exercises for paper, with answers: drawn from the seed, to be shown or printed. */
import { useState } from "preact/hooks";
import { Failure } from "../components/Failure.js";
import { NumberField } from "../components/fields.js";
import { formatCount, formatNumber } from "../components/numbers.js";
import type { Exercise, Matrix } from "../engine/protocol/exercises.js";
import { useCall } from "../engine/useCall.js";
import { parameter, setParameters } from "../router.js";
import "./exercises/exercises.css";
import { t } from "./exercises/words.js";
import type { Page } from "./page.js";

const LIMIT = 2 ** 32;
const fits = (value: number) => Number.isInteger(value) && value >= 0 && value < LIMIT;

function Exercises() {
  const given = Number(parameter("sheet") ?? 1);
  const seed = fits(given) ? given : 1;
  const { value, error } = useCall("exercises", seed);
  const [shown, setShown] = useState(false);
  const choose = (sheet: number) => setParameters({ sheet }, { step: true });
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p class="no-print">{t("about")}</p>
        <p class="print-only">
          cbapd lab · {t("sheet", { seed })} · {t("name")}
        </p>
      </div>
      <section class="panel sheet-controls no-print">
        <NumberField label={t("seed")} value={seed} fits={fits} rule={t("seedRule")} onChange={choose} />
        <div class="buttons">
          <button type="button" onClick={() => choose((seed + 1) % LIMIT)}>
            {t("next")}
          </button>
          <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
            {shown ? t("hide") : t("show")}
          </button>
          <button type="button" class="primary" onClick={() => print()}>
            {t("print")}
          </button>
        </div>
      </section>
      <Failure error={error} />
      <ol class="exercises">
        {value?.map((exercise, i) => (
          <li key={exercise.name} class="panel exercise">
            <h2>{t("exercise", { n: i + 1, title: t(exercise.name) })}</h2>
            <p>{t(`${exercise.name}Task`, shownNumbers(exercise.numbers))}</p>
            <Matrices matrices={exercise.given} />
            {shown && (
              <div class="answer no-print">
                <Matrices matrices={exercise.answers} />
              </div>
            )}
          </li>
        ))}
      </ol>
      {value && <AnswerSheet exercises={value} seed={seed} />}
    </>
  );
}

/** On a page of its own, in print alone. */
function AnswerSheet({
  exercises,
  seed,
}: {
  readonly exercises: readonly Exercise[];
  readonly seed: number;
}) {
  return (
    <section class="print-only answer-sheet">
      <h2>
        {t("answers")} · {t("sheet", { seed })}
      </h2>
      {exercises.map((exercise, i) => (
        <div key={exercise.name} class="exercise">
          <h3>{t("exercise", { n: i + 1, title: t(exercise.name) })}</h3>
          <Matrices matrices={exercise.answers} />
        </div>
      ))}
    </section>
  );
}

function Matrices({ matrices }: { readonly matrices: Readonly<Record<string, Matrix>> }) {
  return (
    <div class="matrices">
      {Object.entries(matrices).map(([symbol, matrix]) => (
        <MatrixTable key={symbol} symbol={symbol} matrix={matrix} />
      ))}
    </div>
  );
}

function MatrixTable({
  symbol,
  matrix: { rows, columns, values },
}: {
  readonly symbol: string;
  readonly matrix: Matrix;
}) {
  return (
    <table class="matrix">
      <caption>{symbol}</caption>
      <tbody>
        {Array.from({ length: rows }, (_, row) => (
          <tr key={row}>
            {values.slice(row * columns, (row + 1) * columns).map((value, column) => (
              <td key={column}>{shownNumber(value)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** In a sentence: with a minus, not a hyphen. */
function shownNumbers(numbers: Exercise["numbers"]): Record<string, string> {
  const shown = Object.entries(numbers).map(([name, value]) => [name, String(value).replace("-", "−")]);
  return Object.fromEntries(shown);
}

/** Whole numbers as they are. */
function shownNumber(value: number): string {
  return Number.isInteger(value) ? formatCount(value).replace("-", "−") : formatNumber(value);
}

export const exercisesPage: Page = { name: "exercises", title: () => t("title"), Page: Exercises };
