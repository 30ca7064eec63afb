/**
 * JSON from strangers. JSON.parse alone keeps the last of two equal keys in silence, and returns nestings on which whatever
 * walks them next would run out of stack. Both are found before it is called.
 */

/** What is wrong: too deep, too many brackets or keys, a key twice in one object, a key that JavaScript would not treat as data, or no JSON. */
export type JsonFault = "depth" | "many" | "duplicate" | "dangerous" | "syntax";

/** Objects and lists. Each costs dozens of bytes where `[],` costs three; 10,000 tensors have 30,000. */
const MAX_BRACKETS = 1 << 16;
/** Of one object. */
const MAX_KEYS = 1 << 14;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = new Set([0x7b, 0x5b]); // { [
const CLOSE = new Set([0x7d, 0x5d]); // } ]
const OBJECT = 0x7b;

interface Level {
  keys: Set<string> | undefined;
  /** In an object, before a key. */
  beforeKey: boolean;
  readonly isObject: boolean;
}

/**
 * @param maximumDepth  of brackets within brackets: 1 is `{}` or `[]`
 * @param fail          makes the error; `depth` is where a duplicate or dangerous key stands, 1 for the outermost object
 */
export function parseStrictJson(
  text: string,
  maximumDepth: number,
  fail: (fault: JsonFault, what: string, depth: number) => Error,
): unknown {
  const levels: Level[] = [];
  let brackets = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text.charCodeAt(i);
    if (character === QUOTE) {
      const end = closingQuote(text, i);
      const level = levels.at(-1);
      if (level?.isObject && level.beforeKey && end < text.length) {
        level.beforeKey = false;
        checkKey(text.slice(i, end + 1), level, levels.length, fail);
      }
      i = end;
    } else if (OPEN.has(character)) {
      if (levels.length === maximumDepth) {
        throw fail("depth", `it is nested deeper than ${maximumDepth}`, levels.length);
      }
      if (++brackets > MAX_BRACKETS) {
        throw fail("many", `it has more than ${MAX_BRACKETS} objects and lists`, levels.length);
      }
      const isObject = character === OBJECT;
      levels.push({ keys: undefined, beforeKey: isObject, isObject });
    } else if (CLOSE.has(character)) {
      levels.pop();
    } else if (character === COMMA) {
      const level = levels.at(-1);
      if (level) level.beforeKey = level.isObject;
    }
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // V8's message quotes the text, which may be anything.
    throw fail("syntax", /position \d+/.exec((cause as Error).message)?.[0] ?? "it is cut short", 0);
  }
}

/** Index of the quote that closes the string which begins at `open`, or the text's length. */
function closingQuote(text: string, open: number): number {
  let i = open + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return Math.min(i, text.length);
}

function checkKey(
  literal: string,
  level: Level,
  depth: number,
  fail: (fault: JsonFault, what: string, depth: number) => Error,
): void {
  let key: string;
  try {
    key = JSON.parse(literal); // "a" and "\u0061" are one key
  } catch {
    return; // JSON.parse of the whole will say so
  }
  level.keys ??= new Set();
  if (level.keys.has(key)) throw fail("duplicate", key, depth);
  if (key === "__proto__") throw fail("dangerous", key, depth);
  level.keys.add(key);
  if (level.keys.size > MAX_KEYS) throw fail("many", `an object has more than ${MAX_KEYS} keys`, depth);
}
