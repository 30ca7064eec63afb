/** Keras' JSON as text from a stranger: bounded, and read strictly. */
import type { ErrorCode } from "../errorCodes.js";
import { FileError, show } from "../errors.js";
import { type JsonFault, parseStrictJson } from "../formats/json.js";
import type { Graph } from "../models/graph.js";
import { graphFromKeras } from "../models/kerasRead.js";

export { graphFromKeras };

/** A thousand layers need 1 MB. */
export const MAX_BYTES = 1 << 24;
const MAX_DEPTH = 32;

const JSON_CODES: Readonly<Record<JsonFault, ErrorCode>> = {
  depth: "MODEL_TOO_DEEP",
  many: "MODEL_TOO_LARGE",
  duplicate: "MODEL_DUPLICATE_KEY",
  dangerous: "MODEL_DANGEROUS_KEY",
  syntax: "MODEL_NOT_JSON",
};

/** @param source the file it came from, for messages @throws FileError */
export function parseKerasModel(text: string, source: string): Graph {
  if (text.length > MAX_BYTES) throw tooLarge(source, text.length);
  const json = parseStrictJson(text, MAX_DEPTH, (fault, what) => {
    const wrong = fault === "duplicate" || fault === "dangerous" ? `the key ${show(what)}, ${fault}` : what;
    return new FileError(`${source} is no JSON that can be used: ${wrong}.`, { code: JSON_CODES[fault] });
  });
  return graphFromKeras(json, source);
}

export function tooLarge(source: string, size: number): FileError {
  return new FileError(`${source} has ${size} bytes, more than ${MAX_BYTES}: no network's JSON is so long.`, {
    code: "MODEL_TOO_LARGE",
  });
}
