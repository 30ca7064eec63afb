/** A network's stages, one chosen: as the layers' list box. */
import { LayerPicker } from "../../components/LayerPicker.js";
import type { Stage } from "../../engine/protocol/explain.js";
import { t } from "./words.js";

export function StageList({
  stages,
  selected,
  onSelect,
}: {
  readonly stages: readonly Stage[];
  readonly selected: number;
  readonly onSelect: (index: number) => void;
}) {
  const nodes = stages.map(({ name, kind, shape }) => ({ name, kind, outputShape: shape }));
  return <LayerPicker label={t("stages")} nodes={nodes} selected={selected} onSelect={onSelect} />;
}
