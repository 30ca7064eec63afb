/**
 * Case files: somebody else's numbers, and what they were computed from, as one safetensors file. docs/check.md describes them.
 * The reader believes nothing: every name, shape and value is checked before anything is computed.
 */
import { withFile } from "#files";
import { CbapdError, FileError, ShapeError, unknownName } from "../errors.js";
import type { ByteSource } from "../formats/byteSource.js";
import { parseTypedSafetensors } from "../formats/safetensors.js";
import type { NDArray } from "../reference/ndarray.js";
import { CaseError, CaseSource } from "./caseSource.js";
import type { LayerCase, LayerValues, Results } from "./layer.js";
import { readLayerCase } from "./layerFile.js";
import type { NetworkCase } from "./network.js";
import { readNetworkCase } from "./networkFile.js";
import type { AdamCase, L2Case, LossCase } from "./parts.js";

interface Common {
  /** `resnet18, width 1/16, 2 images` */
  readonly title: string;
  /** Their numbers, by our names. */
  readonly expected: Results;
  /** What the case is made of: which mistakes can have been made. */
  readonly concerns: ReadonlySet<string>;
  readonly warnings: readonly string[];
}

export interface NetworkFileCase extends Common {
  readonly kind: "network";
  readonly given: NetworkCase;
}

export interface LayerFileCase extends Common {
  readonly kind: "layer";
  readonly given: LayerCase;
  readonly values: LayerValues;
  /** Which elements dropout keeps, when the file says so. */
  readonly mask?: NDArray;
  readonly seed: number;
  readonly step: number;
}

export type PartFileCase = Common &
  (
    | { readonly kind: "loss"; readonly given: LossCase }
    | { readonly kind: "adam"; readonly given: AdamCase }
    | { readonly kind: "l2"; readonly given: L2Case }
  );

export type FileCase = NetworkFileCase | LayerFileCase | PartFileCase;

/** @throws CaseError that names the file, and the tensor or entry that is wrong */
export function readCaseFile(path: string): Promise<FileCase> {
  return withFile(path, parseCase).catch((cause: unknown) => {
    throw cause instanceof CbapdError && !(cause instanceof CaseError)
      ? caseError(cause.message, cause)
      : cause;
  });
}

/** `readCaseFile` from wherever the bytes are. @throws CaseError */
export async function parseCase(source: ByteSource): Promise<FileCase> {
  try {
    const { tensors, metadata } = await parseTypedSafetensors(source);
    return readCase(source.name, new CaseSource(source.name.split(/[\\/]/).at(-1)!, tensors, metadata));
  } catch (cause) {
    throw cause instanceof FileError && !(cause instanceof CaseError)
      ? caseError(cause.message, cause)
      : cause;
  }
}

function readCase(path: string, source: CaseSource): FileCase {
  try {
    const kind = source.text("kind");
    if (kind !== "network" && kind !== "layer") {
      throw new CaseError(unknownName("kind", kind, ["network", "layer"]), { code: "CASE_METADATA" });
    }
    return kind === "network" ? readNetworkCase(source) : readLayerCase(source);
  } catch (cause) {
    if (!(cause instanceof CbapdError)) throw cause;
    throw caseError(`${path}: ${cause.message}`, cause);
  }
}

/** What a layer refuses without knowing of files is the file's fault here: its options, or its tensors' shapes. */
function caseError(message: string, cause: CbapdError): CaseError {
  const code = cause.code ?? (cause instanceof ShapeError ? "CASE_TENSOR_SHAPE" : "CASE_OPTIONS");
  return new CaseError(message, { cause, code });
}
