/** What `cbapd evaluate` prints. */
import type { ClassificationReport, Dataset, Logs, Scores } from "../index.js";
import { percent, table } from "./table.js";

const CONFUSIONS_SHOWN = 10;
const MISTAKES_SHOWN = 5;

export function reportText(
  file: string,
  data: Dataset,
  report: ClassificationReport & { readonly logs: Logs },
  columns: number,
): string {
  const { logs, classes, macroAverage, weightedAverage, undecided } = report;
  const share = (value: number) => `${(value * 100).toFixed(2)} %`;
  const row = (name: string, { precision, recall, f1, support }: Scores) => [
    name,
    ...[precision, recall, f1].map(percent),
    String(support),
  ];
  const scores = table(
    ["class", "precision", "recall", "F1", "images"],
    [
      ...classes.map((one) => row(one.name, one)),
      row("macro average", macroAverage),
      row("weighted average", weightedAverage),
    ],
  );
  return [
    `${file} on ${data.name}, ${data.count} images`,
    `loss      ${logs.loss.toFixed(4)}`,
    `accuracy  ${share(logs.accuracy)}`,
    ...(classes.length > 5 ? [`top 5     ${share(logs.topKCategoricalAccuracy)}`] : []),
    ...(undecided > 0 ? [`no number ${undecided} images, for which the network gives NaN`] : []),
    "",
    scores,
    matrixText(report, columns) ?? confusionsText(report),
    ...worstText(data, report),
  ].join("\n");
}

/** Rows are the truth, columns the prediction. Undefined where the lines would be too long. */
export function matrixText(
  { classes, confusionMatrix }: ClassificationReport,
  columns: number,
): string | undefined {
  const names = classes.map(({ name }) => name);
  const rows = confusionMatrix.map((row, label) => [
    names[label],
    ...row.map((count) => (count === 0 ? "·" : String(count))),
  ]);
  const text = table(["truth \\ prediction", ...names], rows);
  if (Math.max(...text.split("\n").map((line) => line.length)) <= columns) return text;
  // Numbers in place of names: as wide as the counts.
  const short = table(
    ["truth \\ prediction", ...names.map((_, label) => String(label))],
    rows.map(([name, ...cells], label) => [`${label} ${name}`, ...cells]),
  );
  return Math.max(...short.split("\n").map((line) => line.length)) <= columns ? short : undefined;
}

function confusionsText({ classes, confusionMatrix }: ClassificationReport): string {
  const pairs = confusionMatrix.flatMap((row, label) =>
    row.map((count, predicted) => ({ count, label, predicted })),
  );
  const worst = pairs
    .filter(({ count, label, predicted }) => count > 0 && label !== predicted)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted)
    .slice(0, CONFUSIONS_SHOWN);
  const rows = worst.map(({ count, label, predicted }) => [
    classes[label].name,
    classes[predicted].name,
    String(count),
    percent(count / classes[label].support),
  ]);
  return table(["truth", "taken for", "images", "of the class"], rows, 2);
}

function worstText({ files }: Dataset, { classes, mistakes, samples }: ClassificationReport): string[] {
  if (mistakes.length === 0) return ["No mistakes."];
  const rows = mistakes
    .slice(0, MISTAKES_SHOWN)
    .map(({ index, label, predicted, probability }) => [
      files?.[index] ?? `image ${index}`,
      classes[label].name,
      classes[predicted].name,
      percent(probability),
    ]);
  return [
    `${mistakes.length} mistakes of ${samples}; the worst:`,
    table(["image", "truth", "taken for", "probability"], rows, 3),
  ];
}
