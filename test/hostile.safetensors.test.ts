/** Bad safetensors files, each made by hand and refused with a code of its own; and good ones at the bounds. */
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../src/formats/byteSource.js";
import { withFile } from "../src/formats/fileSource.js";
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  type TypedTensor,
} from "../src/formats/safetensors.js";
import { safetensors } from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

const entry = (shape = "[1]", offsets = "[0,4]", dtype = '"F32"') =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const one = (name: string) => `{${JSON.stringify(name)}:${entry()}}`;
const zeros = (count: number) => Buffer.alloc(count);
const file = (header: string | Buffer, dataBytes = 4, headerBytes?: number) =>
  safetensors(header, zeros(dataBytes), headerBytes);
const entries = (count: number) =>
  `{${Array.from({ length: count }, (_, i) => `"${i}":${entry("[0]", "[0,0]")}`).join()}}`;

/** What is wrong with it, the code that it is refused with, the file. */
const BAD: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "SAFETENSORS_TOO_SHORT", zeros(0)],
  ["seven bytes", "SAFETENSORS_TOO_SHORT", zeros(7)],
  ["a header of no bytes", "SAFETENSORS_HEADER_EMPTY", file("", 4)],
  ["a header that fills the file and one byte more", "SAFETENSORS_HEADER_CUT", file("{}", 0, 3)],
  [
    "a header one byte over the bound",
    "SAFETENSORS_HEADER_TOO_LARGE",
    file(`{}${" ".repeat((1 << 20) - 1)}`),
  ],
  ["a header length of 2^64 − 1", "SAFETENSORS_HEADER_TOO_LARGE", file("{}", 0, 2 ** 53)],
  ["bytes that are no UTF-8", "SAFETENSORS_HEADER_NOT_UTF8", file(Buffer.from('{"\xff":1}', "latin1"))],
  ["a byte order mark", "SAFETENSORS_HEADER_START", file("\ufeff{}", 0)],
  ["a blank before the brace", "SAFETENSORS_HEADER_START", file(" {}", 0)],
  ["a list", "SAFETENSORS_HEADER_START", file("[]", 0)],
  ["a header cut in the middle", "SAFETENSORS_HEADER_NOT_JSON", file(one("a").slice(0, -5))],
  ["something behind the header's brace", "SAFETENSORS_HEADER_NOT_JSON", file(`${one("a")}x`)],
  ["zeros as padding", "SAFETENSORS_HEADER_NOT_JSON", file(`${one("a")}\0\0`)],
  ["a comment", "SAFETENSORS_HEADER_NOT_JSON", file(`{/**/"a":${entry()}}`)],
  ["brackets within brackets", "SAFETENSORS_HEADER_TOO_DEEP", file(`{"a":${entry("[[1]]")}}`)],
  ["500,000 brackets", "SAFETENSORS_HEADER_TOO_DEEP", file(`{"a":${"[".repeat(500_000)}`)],
  ["500,000 objects", "SAFETENSORS_HEADER_TOO_DEEP", file('{"a":'.repeat(200_000))],
  ["10,001 tensors", "SAFETENSORS_TOO_MANY_TENSORS", file(entries(10_001), 0)],
  ["a name twice", "SAFETENSORS_DUPLICATE_NAME", file(`{"a":${entry()},"a":${entry()}}`)],
  ["a name twice, once escaped", "SAFETENSORS_DUPLICATE_NAME", file(`{"a":${entry()},"\\u0061":${entry()}}`)],
  ["metadata twice", "SAFETENSORS_DUPLICATE_NAME", file('{"__metadata__":{},"__metadata__":{}}', 0)],
  ["a shape twice", "SAFETENSORS_DUPLICATE_FIELD", file('{"a":{"shape":[9],"shape":[1]}}')],
  [
    "a key of the metadata twice",
    "SAFETENSORS_DUPLICATE_FIELD",
    file('{"__metadata__":{"a":"1","a":"2"}}', 0),
  ],
  ["metadata that are a list", "SAFETENSORS_METADATA_NOT_OBJECT", file('{"__metadata__":["a"]}', 0)],
  ["metadata that are null", "SAFETENSORS_METADATA_NOT_OBJECT", file('{"__metadata__":null}', 0)],
  ["a number in the metadata", "SAFETENSORS_METADATA_NOT_TEXT", file('{"__metadata__":{"a":1}}', 0)],
  ["a path as a key of the metadata", "SAFETENSORS_METADATA_NAME", file('{"__metadata__":{"../a":""}}', 0)],
  ["no name", "SAFETENSORS_NAME_EMPTY", file(one(""))],
  ["a name of 513 characters", "SAFETENSORS_NAME_TOO_LONG", file(one("n".repeat(513)))],
  ["a name that clears the screen", "SAFETENSORS_NAME_CONTROL", file(one("\u001b[2J"))],
  ["a name with the 8-bit escape", "SAFETENSORS_NAME_CONTROL", file(one("\u009b2J"))],
  ["a name with a zero", "SAFETENSORS_NAME_CONTROL", file(one("a\0b"))],
  ["a name that turns text around", "SAFETENSORS_NAME_CONTROL", file(one("a\u202eb"))],
  ["a name with an invisible blank", "SAFETENSORS_NAME_CONTROL", file(one("a\u200bb"))],
  ["half a surrogate pair", "SAFETENSORS_NAME_MALFORMED", file('{"\\ud800":{}}')],
  ["__proto__ as a name", "SAFETENSORS_NAME_PROTOTYPE", file(one("__proto__"))],
  ["__proto__ within an entry", "SAFETENSORS_NAME_PROTOTYPE", file('{"a":{"__proto__":{"dtype":"F32"}}}')],
  ["constructor as a name", "SAFETENSORS_NAME_PROTOTYPE", file(one("constructor"))],
  ["a name that climbs", "SAFETENSORS_NAME_PATH", file(one("a/../../b"))],
  ["an absolute path", "SAFETENSORS_NAME_PATH", file(one("/etc/passwd"))],
  ["a home folder", "SAFETENSORS_NAME_PATH", file(one("~/.ssh/id"))],
  ["a path of Windows", "SAFETENSORS_NAME_PATH", file(one("c:/x"))],
  ["a backslash", "SAFETENSORS_NAME_PATH", file(one("..\\x"))],
  ["a URL", "SAFETENSORS_NAME_URL", file(one("https://example.com/w"))],
  ["an entry that is a number", "SAFETENSORS_ENTRY_NOT_OBJECT", file('{"a":1}')],
  ["an entry that is a list", "SAFETENSORS_ENTRY_NOT_OBJECT", file('{"a":[]}')],
  ["an entry with a file name", "SAFETENSORS_ENTRY_UNKNOWN_FIELD", file('{"a":{"file":"/x"}}')],
  ["no dtype", "SAFETENSORS_DTYPE_MISSING", file('{"a":{"shape":[1],"data_offsets":[0,4]}}')],
  ["a dtype that is a number", "SAFETENSORS_DTYPE_NOT_TEXT", file(`{"a":${entry("[1]", "[0,4]", "4")}}`)],
  ["a dtype of nobody", "SAFETENSORS_DTYPE_UNKNOWN", file(`{"a":${entry("[1]", "[0,4]", '"f32"')}}`)],
  [
    "a dtype called toString",
    "SAFETENSORS_DTYPE_UNKNOWN",
    file(`{"a":${entry("[1]", "[0,4]", '"toString"')}}`),
  ],
  ["bfloat16", "SAFETENSORS_DTYPE_UNSUPPORTED", file(`{"a":${entry("[2]", "[0,4]", '"BF16"')}}`)],
  [
    "float64 where float32 is wanted",
    "SAFETENSORS_DTYPE_UNSUPPORTED",
    file(`{"a":${entry("[1]", "[0,8]", '"F64"')}}`, 8),
  ],
  ["no shape", "SAFETENSORS_SHAPE_MISSING", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}')],
  ["a shape that is a number", "SAFETENSORS_SHAPE_NOT_LIST", file(`{"a":${entry("1")}}`)],
  ["33 dimensions", "SAFETENSORS_SHAPE_RANK", file(`{"a":${entry(`[${Array(33).fill(1)}]`)}}`)],
  ["half a dimension", "SAFETENSORS_SHAPE_NOT_INTEGER", file(`{"a":${entry("[0.5]")}}`)],
  ["an infinite dimension", "SAFETENSORS_SHAPE_NOT_INTEGER", file(`{"a":${entry("[1e999]")}}`)],
  ["a dimension that is text", "SAFETENSORS_SHAPE_NOT_INTEGER", file(`{"a":${entry('["1"]')}}`)],
  ["a negative dimension", "SAFETENSORS_SHAPE_NEGATIVE", file(`{"a":${entry("[-1]")}}`)],
  [
    "two negative dimensions, whose product fits",
    "SAFETENSORS_SHAPE_NEGATIVE",
    file(`{"a":${entry("[-1,-1]")}}`),
  ],
  ["minus zero", "SAFETENSORS_SHAPE_NEGATIVE", file(`{"a":${entry("[-0]", "[0,0]")}}`, 0)],
  ["a dimension of 2^53", "SAFETENSORS_SHAPE_OVERFLOW", file(`{"a":${entry("[9007199254740992]")}}`)],
  [
    "2^32 × 2^32, which is 0 in 64 bits",
    "SAFETENSORS_SHAPE_OVERFLOW",
    file(`{"a":${entry("[4294967296,4294967296]", "[0,0]")}}`, 0),
  ],
  [
    "2^52 elements, whose bytes overflow",
    "SAFETENSORS_SHAPE_OVERFLOW",
    file(`{"a":${entry("[4503599627370496]")}}`),
  ],
  [
    "an overflow hidden by a zero",
    "SAFETENSORS_SHAPE_OVERFLOW",
    file(`{"a":${entry("[1e300,0]", "[0,0]")}}`, 0),
  ],
  ["no offsets", "SAFETENSORS_OFFSETS_MISSING", file('{"a":{"dtype":"F32","shape":[1]}}')],
  ["three offsets", "SAFETENSORS_OFFSETS_NOT_PAIR", file(`{"a":${entry("[1]", "[0,4,8]")}}`)],
  ["offsets that are text", "SAFETENSORS_OFFSETS_NOT_PAIR", file(`{"a":${entry("[1]", '"04"')}}`)],
  ["a fraction of a byte", "SAFETENSORS_OFFSETS_NOT_INTEGER", file(`{"a":${entry("[1]", "[0.5,4.5]")}}`)],
  [
    "an offset beyond 2^53",
    "SAFETENSORS_OFFSETS_NOT_INTEGER",
    file(`{"a":${entry("[1]", "[9007199254740992,9007199254740996]")}}`),
  ],
  [
    "a negative offset, into the header",
    "SAFETENSORS_OFFSETS_NEGATIVE",
    file(`{"a":${entry("[1]", "[-4,0]")}}`),
  ],
  ["an end before its begin", "SAFETENSORS_OFFSETS_REVERSED", file(`{"a":${entry("[1]", "[4,0]")}}`)],
  ["an end beyond the file", "SAFETENSORS_OFFSETS_BEYOND", file(`{"a":${entry("[2]", "[0,8]")}}`)],
  ["a shape larger than its bytes", "SAFETENSORS_SIZE", file(`{"a":${entry("[2]")}}`)],
  ["a shape smaller than its bytes", "SAFETENSORS_SIZE", file(`{"a":${entry("[]", "[0,8]")}}`, 8)],
  ["two tensors on one place", "SAFETENSORS_OVERLAP", file(`{"a":${entry()},"b":${entry()}}`)],
  [
    "two tensors that share half",
    "SAFETENSORS_OVERLAP",
    file(`{"a":${entry("[2]", "[0,8]")},"b":${entry("[2]", "[4,12]")}}`, 12),
  ],
  ["a hole before the first", "SAFETENSORS_HOLE", file(`{"a":${entry("[1]", "[4,8]")}}`, 8)],
  ["a hole between two", "SAFETENSORS_HOLE", file(`{"a":${entry()},"b":${entry("[1]", "[8,12]")}}`, 12)],
  ["a byte left over", "SAFETENSORS_TAIL", file(one("a"), 5)],
  ["data without a tensor", "SAFETENSORS_TAIL", file("{}", 1)],
];

const parse = (bytes: Buffer) => parseSafetensors(bytesSource("bad.safetensors", bytes));

describe("bad safetensors files", () => {
  it.each(BAD)("%s: %s", async (_what, code, bytes) => {
    const error = await parse(bytes).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ name: "FileError", code });
    expect((error as Error).message).toMatch(
      /^bad\.safetensors is damaged or no safetensors file: [^\n\r]{1,600}\.$/,
    );
  });

  it("covers at least 40 files and 40 codes: each of the reader's own", async () => {
    const { ERROR_CODES } = await import("../src/errorCodes.js");
    const own = Object.keys(ERROR_CODES).filter((code) => code.startsWith("SAFETENSORS_"));
    expect(new Set(BAD.map(([, code]) => code))).toEqual(new Set(own));
    expect(own.length).toBeGreaterThanOrEqual(40);
  });

  it("what is no file", async () => {
    const folder = temporaryFolder();
    await expect(readSafetensors(join(folder, "none"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    await expect(readSafetensors(folder)).rejects.toMatchObject({ code: "FILE_NOT_REGULAR" });
    if (process.platform !== "win32") {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]); // to open it would wait for a writer
      await expect(readSafetensors(pipe)).rejects.toMatchObject({ code: "FILE_NOT_REGULAR" });
      await expect(readSafetensors("/dev/zero")).rejects.toMatchObject({ code: "FILE_NOT_REGULAR" });
    }
    mkdirSync(join(folder, "x"));
    writeFileSync(join(folder, "x/y"), "");
    await expect(readSafetensors(join(folder, "x/y/z"))).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });

  it("a file that becomes shorter while it is read", async () => {
    const path = join(temporaryFolder(), "x");
    writeFileSync(path, file(one("a")));
    const reading = withFile(path, async (source) => {
      truncateSync(path, 20);
      return parseSafetensors(source);
    });
    await expect(reading).rejects.toMatchObject({ code: "FILE_CHANGED" });
  });
});

describe("good safetensors files", () => {
  it.each([
    ["no tensor", file("{}", 0)],
    ["blanks behind the header", file(`${one("a")} \n`)],
    ["10,000 tensors", file(entries(10_000), 0)],
    ["10,000 tensors and metadata", file(`{"__metadata__":{},${entries(10_000).slice(1)}`, 0)],
    ["a name of 512 characters", file(one("n".repeat(512)))],
    ["names that look odd but are none", file(one("model.0/ä..b/kernel:0 (1)"))],
    ["a header of just 1 MiB", file(`${one("a")}${" ".repeat((1 << 20) - one("a").length)}`)],
    ["tensors in another order than their bytes", file(`{"b":${entry("[1]", "[4,8]")},"a":${entry()}}`, 8)],
    ["empty tensors between others", file(`{"b":${entry("[0,9]", "[4,4]")},"a":${entry()}}`)],
    ["32 dimensions", file(`{"a":${entry(`[${Array(32).fill(1)}]`)}}`)],
    ["brackets and quotes in the metadata", file(`{"__metadata__":{"a":"[[[[\\"{{{{"}}`, 0)],
  ])("%s", async (_what, bytes) => {
    await expect(parse(bytes)).resolves.toBeDefined();
  });

  it("what could not be read back is not written", () => {
    const tensor = (length = 1): TypedTensor => ({ shape: [length], data: new Float32Array(length) });
    const write = (tensors: readonly string[], metadata = {}) =>
      encodeSafetensors("x", new Map(tensors.map((name) => [name, tensor()])), metadata);
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => write(["../a"])).toThrow(code("SAFETENSORS_NAME_PATH"));
    expect(() => write(["a"], { note: "x".repeat(1 << 20) })).toThrow(code("SAFETENSORS_HEADER_TOO_LARGE"));
    expect(() => write(Array.from({ length: 10_001 }, (_, i) => `${i}`))).toThrow(
      code("SAFETENSORS_TOO_MANY_TENSORS"),
    );
  });
});
