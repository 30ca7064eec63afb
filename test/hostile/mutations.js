/** What fuzzing does to bytes and to JSON, as fast-check arbitraries: so it shrinks, and a seed brings it back. */
import fc from "fast-check";

const NUMBERS = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  1n << 20n,
  (1n << 31n) - 1n,
  1n << 31n,
];
NUMBERS.push((1n << 32n) - 1n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, (1n << 64n) - 1n);

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const edit = fc.oneof(
  fc.record({ kind: fc.constant("set"), at: place, byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant("flip"), at: place, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({
    kind: fc.constant("number"),
    at: place,
    value: fc.constantFrom(...NUMBERS),
    width: fc.constantFrom(2, 4, 8),
    bigEndian: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("cut"), at: place }),
  fc.record({ kind: fc.constant("remove"), at: place, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant("repeat"), at: place, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant("insert"),
    at: place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  }),
);

function apply(bytes, change) {
  const at = Math.floor(change.at * bytes.length);
  const result = Buffer.from(bytes);
  switch (change.kind) {
    case "set":
      if (bytes.length > 0) result[at] = change.byte;
      return result;
    case "flip":
      if (bytes.length > 0) result[at] ^= 1 << change.bit;
      return result;
    case "number": {
      const word = Buffer.alloc(8);
      if (change.bigEndian) word.writeBigUInt64BE(change.value);
      else word.writeBigUInt64LE(change.value);
      const part = change.bigEndian ? word.subarray(8 - change.width) : word.subarray(0, change.width);
      part.copy(result, at);
      return result;
    }
    case "cut":
      return result.subarray(0, at);
    case "remove":
      return Buffer.concat([result.subarray(0, at), result.subarray(at + change.count)]);
    case "repeat":
      return Buffer.concat([result.subarray(0, at + change.count), result.subarray(at)]);
    case "insert":
      return Buffer.concat([result.subarray(0, at), change.bytes, result.subarray(at)]);
  }
}

/** One of `files`, or what a few edits make of it. */
export function mutated(files) {
  return fc
    .tuple(fc.constantFrom(...files), fc.array(edit, { maxLength: 4 }))
    .map(([bytes, edits]) => edits.reduce(apply, Buffer.from(bytes)));
}

/** JSON as text, since some of it no object could hold: keys twice, numbers beyond a double. */
const ODD = [
  ...["null", "true", "0", "-0", "-1", "0.5", "1e999", "-1e999", "1e-400", "9007199254740993", "4294967296"],
  ...['""', '"x"', '"__proto__"', '"constructor"', '"\\u0000"', '"\\ud800"', '"../../etc/passwd"'],
  ...["[]", "{}", "[1]", "[0,0]", "[-1,4]", "[1e9,1e9]", "[[[[[[]]]]]]", '{"__proto__":{}}', '{"a":1,"a":2}'],
  ...[
    '{"$tensor":"state/0"}',
    '{"$tensor":"x"}',
    '{"$map":[[1]]}',
    '{"$number":"constructor"}',
    `"${"n".repeat(600)}"`,
    "nul",
    "",
    "[".repeat(50),
  ],
];
const jsonEdit = fc.record({
  node: fc.nat({ max: 1 << 20 }),
  kind: fc.constantFrom("replace", "replace", "replace", "drop", "twice", "rename"),
  text: fc.oneof(fc.constantFrom(...ODD), fc.integer().map(String), fc.json({ maxDepth: 3 })),
});

/** The text of `value`, with up to two of its parts replaced, dropped, said twice or renamed. */
export function brokenJson(value) {
  return fc
    .array(jsonEdit, { maxLength: 2 })
    .map((edits) =>
      print(value, { left: new Map(edits.map((e) => [e.node % countNodes(value), e])), at: 0 }),
    );
}

function countNodes(value) {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce((sum, inner) => sum + countNodes(inner), 1);
}

/** `state.at` numbers the parts in the order of printing. */
function print(value, state) {
  const own = state.left.get(state.at++);
  if (own?.kind === "replace") {
    state.at += countNodes(value) - 1;
    return own.text;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const list = Array.isArray(value);
  const parts = Object.entries(value).flatMap(([key, inner]) => {
    const change = state.left.get(state.at)?.kind;
    const text = print(inner, state);
    if (change === "drop") return [];
    const name = change === "rename" ? `${key}x` : key;
    const part = list ? text : `${JSON.stringify(name)}:${text}`;
    return change === "twice" ? [part, part] : [part];
  });
  return list ? `[${parts.join()}]` : `{${parts.join()}}`;
}
