/** Train: issue 7, item 1. */

import { Failure } from "../components/Failure.js";
import { NumberField, SelectField } from "../components/fields.js";
import { formatCount, formatShape } from "../components/numbers.js";
import { NETWORK_NAMES } from "../engine/protocol/network.js";
import { useCall } from "../engine/useCall.js";
import { dictionary } from "../i18n/index.js";
import { changeSetup, networkSpec, setup } from "../setup.js";
import type { Page } from "./page.js";

const t = dictionary(
  { title: "Train", network: "Network", seed: "Seed", seedRule: "A whole number from 0 to 4294967295." },
  { title: "训练", network: "网络", seed: "随机种子", seedRule: "0 到 4294967295 之间的整数。" },
);

function Train() {
  const view = useCall("describeNetwork", networkSpec(setup.value));
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
      </div>
      <div class="columns">
        <section class="panel fields">
          <SelectField
            label={t("network")}
            value={setup.value.network}
            choices={NETWORK_NAMES.map((name) => ({ value: name, words: name }))}
            onChange={(network) => changeSetup({ network })}
          />
          <NumberField
            label={t("seed")}
            value={setup.value.seed}
            fits={(value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32}
            rule={t("seedRule")}
            onChange={(seed) => changeSetup({ seed })}
          />
        </section>
        <section class="panel">
          <Failure error={view.error} />
          {view.value && (
            <table>
              <tbody>
                {view.value.nodes.map((node) => (
                  <tr key={node.name}>
                    <th scope="row">{node.name}</th>
                    <td>{formatShape(node.outputShape)}</td>
                    <td>{formatCount(node.parameters)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
    </>
  );
}

export const trainPage: Page = { name: "train", title: () => t("title"), Page: Train };
