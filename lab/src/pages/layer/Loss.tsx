/** Softmax with cross-entropy: p − y, class by class. */
import { Failure } from "../../components/Failure.js";
import { MathLine } from "../../components/math.js";
import { formatNumber } from "../../components/numbers.js";
import type { BackwardCell, StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import type { At } from "../../explained.js";
import { backwardFormula } from "../step/formulas.js";
import { t } from "./words.js";

export function Loss({ view, at }: { readonly view: StepView; readonly at: At }) {
  const shown = at.stage === view.logits;
  const { value, error } = useCall("lossRow", shown ? { version: view.version, image: at.image } : undefined);
  if (!shown) return null;
  if (!value) return <Failure error={error} />;
  const label = view.labels[at.image];
  return (
    <section class="panel" aria-label={t("loss")}>
      <h2>{t("loss")}</h2>
      <MathLine>{backwardFormula(undefined)}</MathLine>
      <p class="note">
        {t("lossNote", { image: at.image, label: view.classes[label], n: view.labels.length })}
      </p>
      <table class="loss-row">
        <thead>
          <tr>
            {[t("class"), t("logit"), t("p"), t("y"), "p − y", "(p − y)/N", t("gradient")].map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {value.map(({ z, cell }, k) => (
            <Row key={view.classes[k]} name={view.classes[k]} z={z} cell={cell} right={k === label} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({
  name,
  z,
  cell: { paths, gradient },
  right,
}: {
  readonly name: string;
  readonly z: number;
  readonly cell: BackwardCell;
  readonly right: boolean;
}) {
  const [{ terms, numbers, computed }] = paths;
  return (
    <tr class={right ? "chosen" : undefined}>
      <th scope="row">{name}</th>
      <td>{formatNumber(z, 6)}</td>
      <td>{formatNumber(numbers.p, 6)}</td>
      <td>{numbers.y}</td>
      <td>{formatNumber(terms[0].factor, 6)}</td>
      <td>{formatNumber(computed, 6)}</td>
      <td>
        <strong>{formatNumber(gradient, 6)}</strong>
      </td>
    </tr>
  );
}
