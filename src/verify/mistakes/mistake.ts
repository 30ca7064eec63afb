import type { Backend } from "../../backend/backend.js";
import type { NDArray } from "../../reference/ndarray.js";
import type { adamUpdate } from "../../reference/optimizer.js";

export type Reference = Backend<NDArray>;

/** A known way to get a layer, the loss or the optimizer wrong, planted on the reference backend. */
export interface Mistake {
  /** In kebab case: "kernel-flipped". */
  readonly name: string;
  /** What was probably done, and what is right. */
  readonly explanation: string;
  /** Kinds of layer that it can show in, and "loss", "l2", "adam". */
  readonly concerns: readonly string[];
  /** The same backend with the mistake in it. */
  plant?(backend: Reference): Reference;
  /** A wrong update, in place of the reference's. */
  readonly adam?: typeof adamUpdate;
}
