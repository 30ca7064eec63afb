/** Max pooling: which cells are copied forward, and so get the gradients backward. */
import { divergingScale } from "../../components/colours.js";
import { Failure } from "../../components/Failure.js";
import { Maps } from "../../components/Maps.js";
import { placeOf } from "../../engine/geometry.js";
import type { StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import type { At } from "../../explained.js";
import { FourMaps } from "./FourMaps.js";
import { t } from "./words.js";

export function RoutesMap({ view, at }: { readonly view: StepView; readonly at: At }) {
  const argument = { version: view.version, stage: at.stage, image: at.image };
  const { value, error } = useCall("routes", argument);
  const stage = view.stages[at.stage];
  const source = view.stages[stage.inputs[0]];
  if (!value || value.inputShape.join() !== source.shape.join()) return <Failure error={error} />;
  const marks = Array.from(value.from, (index) => {
    const { row, column, channel } = placeOf(source.shape, index);
    return { row, column, channel, rows: 1, columns: 1, colour: "good" };
  });
  return (
    <>
      <section class="panel">
        <h2>{t("routes")}</h2>
        <p class="note">{t("routesNote")}</p>
        <Maps
          label={t("routes")}
          shape={source.shape}
          values={value.x}
          scale={divergingScale(value.x)}
          width={940}
          height={420}
          marks={marks}
        />
      </section>
      <FourMaps view={view} at={at} />
    </>
  );
}
