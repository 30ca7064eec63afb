/** Names from files: what may stand in one, so that it can be printed, be a key, and never be mistaken for a path. */

export type NameFault = "EMPTY" | "TOO_LONG" | "CONTROL" | "MALFORMED" | "PROTOTYPE" | "PATH" | "URL";

export const MAXIMUM_NAME_LENGTH = 512;
const PROTOTYPE_NAMES = ["__proto__", "constructor", "prototype"];

/** Why `name` must not be used, or undefined. `conv2d/kernel`, `layer.0:1` and `Gewichte ä` are fine. */
export function nameFault(name: string): NameFault | undefined {
  if (name === "") return "EMPTY";
  if (name.length > MAXIMUM_NAME_LENGTH) return "TOO_LONG";
  if (/\p{Surrogate}/u.test(name)) return "MALFORMED";
  // Cc: escape sequences; Cf: characters that turn text around or are not seen; Zl, Zp: line ends.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) return "CONTROL";
  if (PROTOTYPE_NAMES.includes(name)) return "PROTOTYPE";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) return "URL";
  const leadsOut = name.split("/").some((part) => part === ".." || part === ".");
  if (leadsOut || /^[/~]|\\|^[a-z]:\//i.test(name)) return "PATH";
  return undefined;
}
