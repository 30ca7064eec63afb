/** A stage's values before and after, and its gradients after and before: one scale for each pair. */
import { divergingScale } from "../../components/colours.js";
import { Failure } from "../../components/Failure.js";
import { Maps } from "../../components/Maps.js";
import type { StepView } from "../../engine/protocol/explain.js";
import { useCall } from "../../engine/useCall.js";
import { type At, goTo } from "../../explained.js";
import { t } from "./words.js";

const SIZE = { width: 440, height: 260 };

export function FourMaps({ view, at }: { readonly view: StepView; readonly at: At }) {
  const stage = view.stages[at.stage];
  const source = view.stages[stage.inputs[0]];
  const argument = { version: view.version, image: at.image };
  const after = useCall("stageMaps", { ...argument, stage: stage.index });
  const before = useCall("stageMaps", { ...argument, stage: source.index });
  if (!after.value || !before.value) return <Failure error={after.error ?? before.error} />;
  if (after.value.shape.join() !== stage.shape.join()) return null;
  if (before.value.shape.join() !== source.shape.join()) return null;
  const [x, y] = [before.value.y, after.value.y];
  const [dX, dY] = [before.value.dY, after.value.dY];
  const values = divergingScale(x, y);
  const gradients = divergingScale(dX ?? [], dY ?? []);
  const maps = [
    {
      label: t("before", { stage: source.name }),
      shape: source.shape,
      values: x,
      scale: values,
      to: source.index,
    },
    {
      label: t("after", { stage: stage.name }),
      shape: stage.shape,
      values: y,
      scale: values,
      to: stage.index,
    },
    { label: t("gradientBefore"), shape: source.shape, values: dX, scale: gradients, to: source.index },
    { label: t("gradientAfter"), shape: stage.shape, values: dY, scale: gradients, to: stage.index },
  ];
  return (
    <section class="panel four">
      {maps.map(
        ({ label, shape, values, scale, to }) =>
          values && (
            <div key={label}>
              <h3>{label}</h3>
              <Maps
                label={label}
                shape={shape}
                values={values}
                scale={scale}
                {...SIZE}
                selected={to === at.stage ? at.cell : undefined}
                onSelect={to === at.stage ? (cell) => goTo({ stage: at.stage, cell }) : undefined}
              />
            </div>
          ),
      )}
    </section>
  );
}
