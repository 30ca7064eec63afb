/** How many steps of training lie before what is shown; it is in the address. */
import { goTo, MOST_STEPS, place } from "../explained.js";
import { dictionary } from "../i18n/index.js";
import { NumberField } from "./fields.js";

const t = dictionary(
  { steps: "Steps taken before", rule: "A whole number from 0 to {most}." },
  { steps: "此前已走的步数", rule: "0 到 {most} 之间的整数。" },
);

export function StepsField() {
  return (
    <NumberField
      label={t("steps")}
      value={place.value.steps}
      fits={(value) => Number.isInteger(value) && value >= 0 && value <= MOST_STEPS}
      rule={t("rule", { most: MOST_STEPS })}
      onChange={(steps) => goTo({ steps })}
    />
  );
}
