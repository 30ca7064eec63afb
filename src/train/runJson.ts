/** A run's own run.json, as text from a stranger: it may have been copied from anywhere, or been edited by hand. */
import { readFileSync, statSync } from "node:fs";
import * as z from "zod";
import type { ErrorCode } from "../errorCodes.js";
import { FileError } from "../errors.js";
import { type JsonFault, parseStrictJson } from "../formats/json.js";

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 32;

/** Class names are printed: those that act on a terminal are none. */
const className = z
  .string()
  .max(512)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, "has characters that cannot be shown");
const schema = z
  .object({ classes: z.array(className).max(100_000).optional() })
  .catchall(z.union([z.string().max(4096), z.number(), z.boolean()]));

const JSON_CODES: Readonly<Record<JsonFault, ErrorCode>> = {
  depth: "RUN_TOO_DEEP",
  many: "RUN_SETTINGS",
  duplicate: "RUN_DUPLICATE_KEY",
  dangerous: "RUN_DANGEROUS_KEY",
  syntax: "RUN_NOT_JSON",
};

/** What a run was begun with, and what its classes are called. */
export type RunJson = z.infer<typeof schema>;

/** @param advice what the user can do when it is damaged @throws FileError */
export function readRunJson(path: string, advice: string): RunJson {
  let bytes: Buffer;
  try {
    const info = statSync(path);
    if (!info.isFile()) throw new FileError(`${path} is no regular file.`, { code: "FILE_NOT_REGULAR" });
    if (info.size > MAX_BYTES) {
      throw new FileError(`${path} has ${info.size} bytes, more than ${MAX_BYTES}. ${advice}`, {
        code: "RUN_TOO_LARGE",
      });
    }
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
    throw new FileError(`${path} is missing or damaged: ${(cause as Error).message}. ${advice}`, {
      cause,
      code,
    });
  }
  return parseRunJson(path, bytes, advice);
}

/** `readRunJson` from memory. @throws FileError */
export function parseRunJson(path: string, bytes: Uint8Array, advice: string): RunJson {
  const damaged = (what: string, code: ErrorCode) =>
    new FileError(`${path} is missing or damaged: ${what}. ${advice}`, { code });
  const value = parseStrictJson(new TextDecoder().decode(bytes), MAX_DEPTH, (fault, what) =>
    damaged(
      fault === "syntax" || fault === "depth" || fault === "many" ? what : `key ${JSON.stringify(what)}`,
      JSON_CODES[fault],
    ),
  );
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(`${issue.path.map(String).join(".")}: ${issue.message}`, "RUN_SETTINGS");
}
