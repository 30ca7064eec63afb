/** What the run's network says of the picture: asked anew with each stroke, one question at a time. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../../components/Failure.js";
import { formatShare } from "../../components/numbers.js";
import { call } from "../../engine/client.js";
import type { Classified } from "../../engine/protocol/own.js";
import { setup } from "../../setup.js";
import { data, outlook, run } from "../../training.js";
import { t } from "./words.js";

export function Verdict({ pixels }: { readonly pixels: Uint8Array }) {
  const [answer, setAnswer] = useState<Classified>();
  const [error, setError] = useState<Error>();
  const asking = useRef(false);
  const wanted = useRef<Uint8Array>(undefined);
  const ready = run.value !== undefined;

  useEffect(() => {
    if (!ready) return;
    wanted.current = pixels;
    if (asking.current) return;
    asking.current = true;
    const ask = async () => {
      try {
        while (wanted.current) {
          const picture = wanted.current;
          wanted.current = undefined;
          setAnswer(await call("classify", picture));
          setError(undefined);
        }
      } catch (reason) {
        setError(reason as Error);
      } finally {
        asking.current = false;
      }
    };
    void ask();
    // Training goes on: a new outlook means that the weights have changed.
  }, [pixels, ready, outlook.value]);

  if (error) return <Failure error={error} />;
  if (!answer || !data.value || answer.probabilities.length !== data.value.classes.length) return null;
  const { network } = setup.value;
  const { step, probabilities } = answer;
  const best = probabilities.indexOf(Math.max(...probabilities));
  return (
    <section aria-label={t("says")} class="verdict">
      <h3>{t("says")}</h3>
      <small class="hint">{step > 0 ? t("trained", { network, step }) : t("untrained", { network })}</small>
      <table>
        <tbody>
          {data.value.classes.map((name, c) => (
            <tr key={name} class={c === best ? "best" : undefined}>
              <th scope="row">{name}</th>
              <td class="share" aria-hidden="true">
                <span style={{ width: `${probabilities[c] * 100}%` }} />
              </td>
              <td data-class={name}>{formatShare(probabilities[c])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
