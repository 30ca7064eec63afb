/** Gradient check, live: two ways to the same slope, and where they part; then the game: which mistake was planted? */
import { useMemo, useState } from "preact/hooks";
import { Failure } from "../components/Failure.js";
import { Figures } from "../components/Figures.js";
import { NumberField, SelectField, SliderField } from "../components/fields.js";
import { LineChart } from "../components/LineChart.js";
import { fraction, MathLine, number } from "../components/math.js";
import { formatNumber } from "../components/numbers.js";
import type { CheckedTensor, ErrorCurve } from "../engine/protocol/explain.js";
import { useCall } from "../engine/useCall.js";
import { parameter, setParameters } from "../router.js";
import { setup } from "../setup.js";
import { t } from "./gradient/words.js";
import type { Page } from "./page.js";
import "./gradient/gradient.css";

/** ε = 10^−(k/4): a quarter of a decade from one to the next. */
const QUARTERS = 48;
const epsilonOf = (k: number) => 10 ** (-k / 4);
const EPSILONS = Array.from({ length: QUARTERS + 1 }, (_, k) => epsilonOf(k));

function natural(name: string, otherwise: number): number {
  const value = Number(parameter(name));
  return parameter(name) !== undefined && Number.isInteger(value) && value >= 0 ? value : otherwise;
}

function Gradient() {
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <Curves />
      <Game />
    </>
  );
}

function Curves() {
  const { seed } = setup.value;
  const checked = useCall("checked", seed);
  const tensor = parameter("tensor") ?? "conv2d_1/kernel";
  const index = natural("at", 5);
  const at = Math.min(natural("epsilon", 16), QUARTERS);
  const central = parameter("sided") === undefined;
  const common = { seed, tensor, index, epsilons: EPSILONS, central };
  const exact = useCall("errorCurve", { ...common, precision: "float64" });
  const single = useCall("errorCurve", { ...common, precision: "float32" });
  const count = checked.value?.tensors.find(({ name }) => name === tensor)?.count ?? 1;
  return (
    <div class="columns">
      <section class="panel fields" aria-label={t("settings")}>
        <SelectField
          label={t("tensor")}
          value={tensor}
          choices={(checked.value?.tensors ?? [{ name: tensor, count: 1 }]).map(({ name, count }) => ({
            value: name,
            words: `${name === "x" ? t("input") : name} (${count})`,
          }))}
          onChange={(tensor) => setParameters({ tensor, at: 0 })}
        />
        <NumberField
          label={t("element")}
          value={index}
          fits={(value) => Number.isInteger(value) && value >= 0 && value < count}
          rule={t("elementRule", { most: count - 1 })}
          onChange={(at) => setParameters({ at })}
        />
        <SliderField
          label={t("epsilon")}
          words={formatNumber(epsilonOf(at), 2)}
          value={-at}
          min={-QUARTERS}
          max={0}
          step={1}
          onChange={(value) => setParameters({ epsilon: -value })}
        />
        <SelectField
          label={t("kind")}
          value={central ? "central" : "sided"}
          choices={[
            { value: "central", words: t("central") },
            { value: "sided", words: t("sided") },
          ]}
          onChange={(kind) => setParameters({ sided: kind === "sided" ? 1 : undefined })}
        />
        <p class="note">{t("network")}</p>
      </section>
      <section class="panel">
        <Failure error={exact.error ?? single.error} />
        {exact.value && single.value && <Curve exact={exact.value} single={single.value} at={at} />}
      </section>
    </div>
  );
}

function Curve({
  exact,
  single,
  at,
}: {
  readonly exact: ErrorCurve;
  readonly single: ErrorCurve;
  readonly at: number;
}) {
  const lines = useMemo(() => {
    const points = ({ points }: ErrorCurve) => points.map(({ epsilon, error }) => [epsilon, error] as const);
    const here = exact.points[at];
    return [
      { name: t("float64"), colour: "train", points: points(exact) },
      { name: t("float32"), colour: "validation", points: points(single) },
      { name: "ε", colour: "bad", points: [[here.epsilon, here.error]] as const, dots: true },
    ];
  }, [exact, single, at]);
  const { numeric, error, epsilon } = exact.points[at];
  return (
    <>
      <MathLine>
        {exact.central
          ? [
              fraction(["L ( w + ε ) − L ( w − ε )"], ["2 ε"]),
              "=",
              number(numeric, 9),
              ", ε =",
              number(epsilon, 2),
              ", ∂L / ∂w =",
              number(exact.analytic, 9),
            ]
          : [
              fraction(["L ( w + ε ) − L ( w )"], "ε"),
              "=",
              number(numeric, 9),
              ", ε =",
              number(epsilon, 2),
              ", ∂L / ∂w =",
              number(exact.analytic, 9),
            ]}
      </MathLine>
      <Figures
        entries={[
          { name: t("analytic"), value: formatNumber(exact.analytic, 9), key: "analytic" },
          { name: t("numeric"), value: formatNumber(numeric, 9), key: "numeric" },
          { name: t("error"), value: formatNumber(error, 2), key: "error" },
          { name: t("error32"), value: formatNumber(single.points[at].error, 2), key: "error32" },
        ]}
      />
      <LineChart label={t("curve")} xLabel="ε" lines={lines} version={lines} height={280} logX logY />
      <p class="note">{exact.central ? t("explainCentral") : t("explainSided")}</p>
    </>
  );
}

function Game() {
  const { seed } = setup.value;
  const game = natural("game", 0);
  const planted = parameter("mistake");
  const mistakes = useCall("mistakes", seed);
  const riddle = useCall("riddle", game > 0 && !planted ? { seed, game } : undefined);
  const own = useCall("checkNetwork", planted ? { seed, mistake: planted } : undefined);
  const clean = useCall("checkNetwork", game === 0 && !planted ? { seed } : undefined);
  const found = planted ? own.value : game > 0 ? riddle.value?.found : clean.value;
  const waiting = planted ? own.waiting : game > 0 ? riddle.waiting : clean.waiting;
  return (
    <section class="panel game" aria-label={t("game")}>
      <h2>{t("game")}</h2>
      <p>{t("gameAbout")}</p>
      <div class="columns">
        <div class="fields">
          <div class="buttons">
            <button
              type="button"
              class="primary"
              onClick={() => setParameters({ game: game + 1, mistake: undefined })}
            >
              {t("plant")}
            </button>
            <button
              type="button"
              disabled={game === 0 && !planted}
              onClick={() => setParameters({ game: undefined, mistake: undefined })}
            >
              {t("mend")}
            </button>
          </div>
          <SelectField
            label={t("own")}
            value={planted ?? ""}
            choices={[
              { value: "", words: t("none") },
              ...(mistakes.value ?? []).map(({ name }) => ({ value: name, words: name })),
            ]}
            onChange={(mistake) => setParameters({ mistake: mistake || undefined, game: undefined })}
          />
          {planted && own.value && !own.waiting && (
            <div role="status" class="answer">
              <p>{mistakes.value?.find(({ name }) => name === planted)?.explanation}</p>
              {own.value.every(({ ok }) => ok) && <p>{t("unseen")}</p>}
            </div>
          )}
          {game > 0 && !planted && riddle.value && !riddle.waiting && (
            <Guess key={`${seed}/${game}`} answer={riddle.value.answer} choices={riddle.value.choices} />
          )}
        </div>
        <div aria-busy={waiting}>
          <Failure error={own.error ?? riddle.error} />
          {waiting && <p>{t("waiting")}</p>}
          {found && !waiting && <Found found={found} />}
        </div>
      </div>
    </section>
  );
}

function Guess({
  answer,
  choices,
}: {
  readonly answer: string;
  readonly choices: readonly { readonly name: string; readonly explanation: string }[];
}) {
  const [guesses, setGuesses] = useState<readonly string[]>([]);
  const right = guesses.includes(answer);
  const last = guesses.at(-1);
  return (
    <div class="fields">
      <fieldset class="guesses">
        <legend>{t("which")}</legend>
        {choices.map(({ name }) => (
          <button
            type="button"
            key={name}
            aria-pressed={guesses.includes(name)}
            disabled={right || guesses.includes(name)}
            class={guesses.includes(name) ? (name === answer ? "guess right" : "guess wrong") : "guess"}
            onClick={() => setGuesses([...guesses, name])}
          >
            {name}
          </button>
        ))}
      </fieldset>
      <div role="status" class="answer">
        {last && (
          <>
            <strong class={right ? "good" : "bad"}>{right ? t("right") : t("wrong", { name: last })}</strong>
            <p>{choices.find(({ name }) => name === last)?.explanation}</p>
          </>
        )}
      </div>
    </div>
  );
}

function Found({ found }: { readonly found: readonly CheckedTensor[] }) {
  return (
    <table class="found">
      <caption>{found.every(({ ok }) => ok) ? t("passes") : t("fails")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("tensor")}</th>
          <th scope="col">{t("verdict")}</th>
          <th scope="col">{t("worst")}</th>
          <th scope="col">{t("analytic")}</th>
          <th scope="col">{t("numeric")}</th>
          <th scope="col">{t("error")}</th>
        </tr>
      </thead>
      <tbody>
        {found.map(({ tensor, ok, index, analytic, numeric, error }) => (
          <tr key={tensor} class={ok ? undefined : "failed"}>
            <th scope="row">{tensor === "x" ? t("input") : tensor}</th>
            <td class={ok ? "good" : "bad"}>{ok ? t("ok") : t("notOk")}</td>
            <td>{index}</td>
            <td>{formatNumber(analytic, 6)}</td>
            <td>{formatNumber(numeric, 6)}</td>
            <td>{formatNumber(error, 2)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export const gradientPage: Page = { name: "gradient", title: () => t("title"), Page: Gradient };
