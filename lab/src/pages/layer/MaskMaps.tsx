/** relu's and dropout's masks: the same places let values pass forward and gradients backward. */
import { Failure } from "../../components/Failure.js";
import { Maps } from "../../components/Maps.js";
import { formatCount } from "../../components/numbers.js";
import type { StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import type { At } from "../../explained.js";
import { FourMaps } from "./FourMaps.js";
import { t } from "./words.js";

export function MaskMaps({ view, at }: { readonly view: StepView; readonly at: At }) {
  const { value, error } = useCall("mask", { version: view.version, stage: at.stage, image: at.image });
  if (!value || value.shape.join() !== view.stages[at.stage].shape.join()) return <Failure error={error} />;
  const title = t("mask", { kept: formatCount(value.kept), all: formatCount(value.mask.length) });
  return (
    <>
      <section class="panel">
        <h2>{title}</h2>
        <p class="note">
          {t("maskNote")} {value.rate !== undefined && t("rate", { rate: value.rate })}
        </p>
        <Maps
          label={title}
          shape={value.shape}
          values={value.mask}
          scale={{ kind: "sequential", least: 0, most: 1 }}
          width={940}
          height={260}
        />
      </section>
      <FourMaps view={view} at={at} />
    </>
  );
}
