/** What a case file holds, taken out entry by entry under checks. */
import { FileError, show, unknownName } from "../errors.js";
import type { TypedTensor } from "../formats/safetensors.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sameShape } from "../shape.js";
import type { Results } from "./layer.js";

/** A case file that cannot be read, or says what cannot be. Misuse: exit code 1 is for numbers that differ. */
export class CaseError extends FileError {
  override readonly exitCode = 2;
}

/** The file's entries, which are taken out one after another, so that what is left over is known. */
export class CaseSource {
  readonly warnings: string[] = [];
  readonly #metadata: Map<string, string>;
  readonly #tensors: Map<string, TypedTensor>;

  constructor(
    readonly name: string,
    tensors: ReadonlyMap<string, TypedTensor>,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.#tensors = new Map(tensors);
    this.#metadata = new Map(Object.entries(metadata).map(([key, value]) => [camelCase(key), value]));
  }

  /** @throws CaseError when it is missing */
  text(key: string): string {
    const value = this.#metadata.get(key);
    if (value === undefined) {
      const keys = [...this.#metadata.keys()].join(", ") || "none";
      throw new CaseError(`metadata must have ${show(key)}; got ${keys}.`, { code: "CASE_METADATA" });
    }
    return value;
  }

  /** All metadata. Names that are not among `known` are warned of: a file may say more about itself than is used here. */
  metadata(known: readonly string[]): Record<string, string> {
    for (const key of this.#metadata.keys()) {
      if (!known.includes(key) && key !== "kind" && key !== "format") {
        this.warnings.push(`metadata ignored: ${unknownName("entry", key, known)}`);
      }
    }
    return Object.fromEntries(this.#metadata);
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  shapeOf(name: string): Shape | undefined {
    return this.#tensors.get(name)?.shape;
  }

  /** @param shape when it is known. @throws CaseError when the tensor is missing or has another shape */
  take(name: string, shape?: Shape, why = ""): NDArray {
    const found = this.takeIfThere(name, shape, why);
    if (found) return found;
    const has = shape ? ` of shape ${show(shape)}` : "";
    throw new CaseError(`tensor ${show(name)}${has} is missing. The file has ${this.#list()}.`, {
      code: "CASE_TENSOR_MISSING",
    });
  }

  takeIfThere(name: string, shape?: Shape, why = ""): NDArray | undefined {
    const tensor = this.#tensors.get(name);
    if (!tensor) return undefined;
    if (shape && !sameShape(tensor.shape, shape) && !(shape.length === 0 && tensor.data.length === 1)) {
      const because = why ? ` (${why})` : "";
      throw new CaseError(
        `tensor ${show(name)} must have shape ${show(shape)}; got ${show(tensor.shape)}${because}.`,
        { code: "CASE_TENSOR_SHAPE" },
      );
    }
    this.#tensors.delete(name);
    const { data } = tensor;
    const values = data instanceof BigInt64Array ? Float64Array.from(data, Number) : data;
    return ndarray(shape ?? tensor.shape, values);
  }

  /** Class indices [N]. @throws CaseError when one is no class */
  takeLabels(name: string, images: number, classes: number): NDArray {
    const shape = this.shapeOf(name);
    const column = shape?.length === 2 && shape[1] === 1;
    const labels = this.take(name, column ? [images, 1] : [images], `one class index for each of x's images`);
    const wrong = labels.data.findIndex(
      (label) => !(Number.isInteger(label) && label >= 0 && label < classes),
    );
    if (wrong >= 0) {
      throw new CaseError(
        `${name}[${wrong}] must be a class index from 0 to ${classes - 1}; got ${labels.data[wrong]}.`,
        { code: "CASE_LABELS" },
      );
    }
    return ndarray([images], labels.data);
  }

  /**
   * All that is left, which must be numbers to compare.
   * @param shapes  what can be compared, by our names   @param ours  turns a name of theirs into ours
   */
  takeExpected(shapes: ReadonlyMap<string, Shape>, ours = (name: string) => name): Results {
    const expected: Results = new Map();
    for (const given of this.names()) {
      const name = ours(given);
      const shape = shapes.get(name);
      if (!shape) {
        throw new CaseError(unknownName("tensor", given, [...shapes.keys()]), {
          code: "CASE_TENSOR_UNKNOWN",
        });
      }
      expected.set(name, this.take(given, shape));
    }
    if (expected.size === 0) {
      const some = [...shapes.keys()].slice(0, 8).join(", ");
      throw new CaseError(`nothing to compare. Give at least one of ${some}, …`, { code: "CASE_NOTHING" });
    }
    return expected;
  }

  #list(): string {
    const names = this.names();
    return names.length > 12 ? `${names.slice(0, 12).join(", ")}, …` : names.join(", ") || "no tensor";
  }
}

/** learning_rate → learningRate, beta_1 → beta1, as Keras' names become ours. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
