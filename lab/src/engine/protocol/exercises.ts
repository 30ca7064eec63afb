/** Exercises for paper: small whole numbers drawn from a seed, and answers that the library computed. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: readonly number[];
}

/** Which exercise it is decides what it gives and asks for; the page has the words. */
export type ExerciseName =
  | "outputSize"
  | "convolution"
  | "convolutionGradients"
  | "maxPooling"
  | "softmax"
  | "adam"
  | "receptiveField";

export interface Exercise {
  readonly name: ExerciseName;
  /** For the words: {kernel}, {strides}, … */
  readonly numbers: Readonly<Record<string, string | number>>;
  /** By symbol, in order: x, k, dY, z. */
  readonly given: Readonly<Record<string, Matrix>>;
  /** By symbol, in order. A single number is a matrix of one. */
  readonly answers: Readonly<Record<string, Matrix>>;
}

export interface ExercisesCalls {
  exercises(seed: number): readonly Exercise[];
}
