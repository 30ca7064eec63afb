/** What decides the bits: all of it is in the address. */
import { NumberField, SelectField } from "../../components/fields.js";
import { NETWORK_NAMES } from "../../engine/protocol/network.js";
import { DATA_NAMES, OPTIMIZER_NAMES } from "../../engine/protocol/train.js";
import { changeSetup, setup } from "../../setup.js";
import { environment, running, workers } from "../../training.js";
import { t } from "./words.js";

export function Settings() {
  const { network, width, layers, data, seed, batchSize, optimizer, learningRate } = setup.value;
  const disabled = running.value !== undefined;
  const { isolated = true, workers: cores = 1, cifar10 = false } = environment.value ?? {};
  const whole = (least: number, most: number) => (value: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  const networks = layers ? ([...NETWORK_NAMES, "own"] as const) : NETWORK_NAMES;
  return (
    <section class="panel fields" aria-label={t("settings")}>
      <SelectField
        label={t("network")}
        disabled={disabled}
        value={network}
        choices={networks.map((name) => ({
          value: name,
          words: name === "own" ? t("own", { layers: layers!.length }) : name,
        }))}
        onChange={(network) => changeSetup({ network })}
      />
      <div class="pair">
        <NumberField
          label={t("width")}
          disabled={disabled || network === "own"}
          value={width}
          fits={(value) => value > 0 && value <= 4}
          rule={t("widthRule")}
          onChange={(width) => changeSetup({ width })}
        />
        <NumberField
          label={t("seed")}
          disabled={disabled}
          value={seed}
          fits={whole(0, 2 ** 32 - 1)}
          rule={t("seedRule")}
          onChange={(seed) => changeSetup({ seed })}
        />
      </div>
      <SelectField
        label={t("data")}
        disabled={disabled}
        value={data}
        choices={DATA_NAMES.map((name) => ({
          value: name,
          words: name === "cifar10" && !cifar10 ? t("cifar10Absent") : t(name),
          disabled: name === "cifar10" && !cifar10,
        }))}
        onChange={(data) => changeSetup({ data })}
      />
      <div class="pair">
        <SelectField
          label={t("optimizer")}
          disabled={disabled}
          value={optimizer}
          choices={OPTIMIZER_NAMES.map((name) => ({ value: name, words: name }))}
          onChange={(optimizer) => changeSetup({ optimizer })}
        />
        <NumberField
          label={t("rate")}
          disabled={disabled}
          value={learningRate}
          fits={(value) => value > 0 && Number.isFinite(value)}
          rule={t("rateRule")}
          onChange={(learningRate) => changeSetup({ learningRate })}
        />
      </div>
      <div class="pair">
        <NumberField
          label={t("batch")}
          disabled={disabled}
          value={batchSize}
          fits={whole(1, 1024)}
          rule={t("batchRule")}
          onChange={(batchSize) => changeSetup({ batchSize })}
        />
        <SelectField
          label={t("workers")}
          disabled={disabled || !isolated}
          value={String(workers.value)}
          choices={[
            { value: "0", words: t("workersAll", { n: cores }) },
            ...Array.from({ length: Math.max(cores, 2) }, (_, i) => ({
              value: String(i + 1),
              words: String(i + 1),
              disabled: i > 0 && !isolated,
            })),
          ]}
          onChange={(value) => {
            workers.value = Number(value);
          }}
        />
      </div>
      {!isolated && <small class="hint">{t("notIsolated")}</small>}
    </section>
  );
}
