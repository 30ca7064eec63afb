/** How often each class is taken for each, as a table that is coloured. */
import { data, outlook } from "../../training.js";
import { t } from "./words.js";

/** Of a cell's colour: dark enough to see, light enough to read on. */
const MOST_TINT = 45;

export function ConfusionTable() {
  const now = outlook.value;
  const about = data.value;
  if (!now || !about || now.confusion.length !== about.classes.length) return null;
  const most = now.confusion.reduce((most, row) => Math.max(most, ...row), 1);
  const tint = (row: number, column: number) => {
    const colour = row === column ? "good" : "bad";
    const share = (now.confusion[row][column] / most) * MOST_TINT;
    return { backgroundColor: `color-mix(in srgb, var(--${colour}) ${share.toFixed(1)}%, transparent)` };
  };
  return (
    <section class="panel">
      <h2>{t("confusion")}</h2>
      <table class="confusion">
        <caption>{t("confusionHint", { n: now.count })}</caption>
        <thead>
          <tr>
            <th scope="col" class="text">
              {t("truth")}
            </th>
            {about.classes.map((name) => (
              <th scope="col" key={name}>
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {about.classes.map((name, row) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {about.classes.map((other, column) => (
                <td key={other} style={tint(row, column)}>
                  {now.confusion[row][column]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
