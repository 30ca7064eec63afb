/** What a classifier gets right and wrong, class by class: the numbers of scikit-learn's classification_report, and the mistakes. */
import { mustBe, ShapeError } from "../errors.js";

export interface Scores {
  /** Of what was taken for the class, the share that was; 0 when nothing was taken for it. */
  readonly precision: number;
  /** Of what is of the class, the share that was found; 0 when nothing is of it. */
  readonly recall: number;
  /** Their harmonic mean. */
  readonly f1: number;
  /** How many examples are of the class. */
  readonly support: number;
}

export interface ClassScores extends Scores {
  readonly label: number;
  readonly name: string;
}

export interface Mistake {
  /** Of the example in the data. */
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  /** Of the predicted class, and of the right one. */
  readonly probability: number;
  readonly labelProbability: number;
}

export interface ClassificationReport {
  readonly samples: number;
  readonly accuracy: number;
  readonly classes: readonly ClassScores[];
  /** The mean over classes that occur, in the data or among the predictions. */
  readonly macroAverage: Scores;
  /** The same, each class as often as it occurs in the data. */
  readonly weightedAverage: Scores;
  /** [label][predicted]: counts. */
  readonly confusionMatrix: readonly (readonly number[])[];
  /** Examples with NaN among their outputs: wrong, and in no column of the matrix. */
  readonly undecided: number;
  /** The one with the least probability of the right class first. */
  readonly mistakes: readonly Mistake[];
}

/**
 * @param labels  class indices [N], or distributions [N, K], which count as their first largest class
 * @param outputs  [N, K], probabilities; the first largest is the prediction
 * @param classNames  default "0", "1", …
 */
export function classificationReport(
  labels: ArrayLike<number>,
  outputs: Float32Array,
  classes: number,
  classNames?: readonly string[],
): ClassificationReport {
  const samples = outputs.length / classes;
  if (!Number.isInteger(samples) || (labels.length !== samples && labels.length !== outputs.length)) {
    const rule = `be one for each of ${samples} rows of ${classes} outputs`;
    throw new ShapeError(mustBe("classificationReport", "labels", rule, labels.length));
  }
  const dense = labels.length !== samples;
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const support = new Array<number>(classes).fill(0);
  const mistakes: Mistake[] = [];
  let undecided = 0;
  let correct = 0;
  for (let n = 0; n < samples; n++) {
    const row = outputs.subarray(n * classes, (n + 1) * classes);
    const label = dense ? firstLargest(labels, n * classes, classes) : labels[n];
    support[label]++;
    if (row.some(Number.isNaN)) {
      undecided++;
      continue;
    }
    const predicted = firstLargest(row, 0, classes);
    matrix[label][predicted]++;
    if (predicted === label) correct++;
    else {
      const [probability, labelProbability] = [row[predicted], row[label]];
      mistakes.push({ index: n, label, predicted, probability, labelProbability });
    }
  }
  mistakes.sort((a, b) => a.labelProbability - b.labelProbability || a.index - b.index);
  const taken = support.map((_, k) => matrix.reduce((sum, row) => sum + row[k], 0));
  const scores = support.map((count, label): ClassScores => {
    const hits = matrix[label][label];
    return {
      label,
      name: classNames?.[label] ?? String(label),
      precision: taken[label] === 0 ? 0 : hits / taken[label],
      recall: count === 0 ? 0 : hits / count,
      f1: count + taken[label] === 0 ? 0 : (2 * hits) / (count + taken[label]),
      support: count,
    };
  });
  const occurring = scores.filter(({ label }) => support[label] + taken[label] > 0);
  return {
    samples,
    accuracy: correct / samples,
    classes: scores,
    macroAverage: average(occurring, () => 1),
    weightedAverage: average(occurring, (one) => one.support),
    confusionMatrix: matrix,
    undecided,
    mistakes,
  };
}

function average(scores: readonly ClassScores[], weightOf: (scores: ClassScores) => number): Scores {
  const total = scores.reduce((sum, one) => sum + weightOf(one), 0);
  const mean = (key: "precision" | "recall" | "f1") =>
    total === 0 ? 0 : scores.reduce((sum, one) => sum + one[key] * weightOf(one), 0) / total;
  return {
    precision: mean("precision"),
    recall: mean("recall"),
    f1: mean("f1"),
    support: scores.reduce((sum, { support }) => sum + support, 0),
  };
}

function firstLargest(values: ArrayLike<number>, begin: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[begin + k] > values[begin + best]) best = k;
  return best;
}
