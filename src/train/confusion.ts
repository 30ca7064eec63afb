/** Which class is taken for which. */
import { DataError, mustBe, OptionError } from "../errors.js";

export interface Confusion {
  /** matrix[t][p]: examples of class t for which p has the largest output. */
  readonly matrix: readonly (readonly number[])[];
  /** The class with the largest output, the first of them in a tie; one an example. */
  readonly predicted: Int32Array;
  readonly accuracy: number;
}

/**
 * @param labels  class indices [count]        @param outputs  what `predict` gives: row-major [count, classes]
 * @throws OptionError, DataError
 */
export function confusionMatrix(labels: ArrayLike<number>, outputs: ArrayLike<number>): Confusion {
  const count = labels.length;
  const classes = outputs.length / count;
  if (!Number.isInteger(classes) || classes < 1) {
    const rule = `have one row for each of the ${count} labels`;
    throw new OptionError(mustBe("confusionMatrix", "outputs", rule, `${outputs.length} numbers`));
  }
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const predicted = new Int32Array(count);
  let right = 0;
  for (let n = 0; n < count; n++) {
    const label = labels[n];
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      const rule = `be a whole number from 0 to ${classes - 1}`;
      throw new DataError(mustBe("confusionMatrix", `label ${n}`, rule, label));
    }
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (outputs[n * classes + c] > outputs[n * classes + best]) best = c;
    }
    predicted[n] = best;
    matrix[label][best]++;
    if (best === label) right++;
  }
  return { matrix, predicted, accuracy: right / count };
}
