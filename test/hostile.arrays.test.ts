/** npy and npz: right against NumPy, and bad ones made by hand, each refused with a code of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../src/errorCodes.js";
import { bytesSource } from "../src/formats/byteSource.js";
import { decodeNpy, encodeNpy, NPY_ARRAYS, type NpyArray, readNpy, writeNpy } from "../src/formats/npy.js";
import { encodeNpz, type NpzReadOptions, parseNpz, readNpz, writeNpz } from "../src/formats/npz.js";
import { npy, npyHeader, zip } from "./hostile/forge.js";
import { temporaryFolder } from "./support/temporary.js";

const header = npyHeader("'<f4'", "(2, 3)");
const data = Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
const wrong = (descr: string, shape = "(2, 3)", order = "False") => npy(npyHeader(descr, shape, order), data);

const BAD_NPY: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "NPY_TOO_SHORT", Buffer.alloc(0)],
  ["version 2 cut in its length", "NPY_TOO_SHORT", npy("", Buffer.alloc(0), { major: 2 }).subarray(0, 11)],
  ["a zip", "NPY_MAGIC", npy(header, data, { magic: "PK\x03\x04PY" })],
  ["version 4", "NPY_VERSION", npy(header, data, { major: 4 })],
  ["version 1.1", "NPY_VERSION", npy(header, data, { minor: 1 })],
  ["a header of 4 GiB", "NPY_HEADER_TOO_LARGE", npy(header, data, { major: 2, length: 2 ** 32 - 1 })],
  ["a header beyond the file", "NPY_HEADER_CUT", npy(header, data, { length: 1000 })],
  ["a header without its newline", "NPY_HEADER_TEXT", npy(header.trim(), data)],
  ["version 3 in Latin-1", "NPY_HEADER_TEXT", npy("{'ä': 1}\n", data, { major: 3 })],
  ["no dictionary", "NPY_HEADER_SYNTAX", npy("[]\n", data)],
  ["a call in place of a value", "NPY_HEADER_SYNTAX", wrong("__import__('os').system('x')")],
  ["a dictionary that does not end", "NPY_HEADER_SYNTAX", npy(header.replace("}", ""), data)],
  ["something behind the dictionary", "NPY_HEADER_SYNTAX", npy(header.replace("}", "} + 1"), data)],
  ["60,000 brackets", "NPY_HEADER_SYNTAX", wrong("(".repeat(60_000))],
  ["60,000 blanks and no value", "NPY_HEADER_SYNTAX", npy(`{'descr':${" ".repeat(60_000)}\n`)],
  ["an unknown key", "NPY_HEADER_SYNTAX", npy(header.replace("{", "{'file': '/etc/passwd', "), data)],
  ["a key twice", "NPY_HEADER_KEY", npy(header.replace("{", "{'descr': '<f8', "), data)],
  ["a key missing", "NPY_HEADER_KEY", npy("{'descr': '<f4', 'shape': (2, 3)}\n", data)],
  ["Python objects", "NPY_PICKLE", wrong("'|O'")],
  ["Python objects with a byte order", "NPY_PICKLE", wrong("'<O8'")],
  ["records", "NPY_STRUCTURED", wrong("[('a', '<f4')]")],
  ["complex numbers", "NPY_DTYPE", wrong("'<c8'")],
  ["half floats", "NPY_DTYPE", wrong("'<f2'")],
  ["text", "NPY_DTYPE", wrong("'<U1'")],
  ["dates", "NPY_DTYPE", wrong("'<M8[ns]'")],
  ["floats without a byte order", "NPY_DTYPE", wrong("'|f4'")],
  ["a dtype that is a number", "NPY_DTYPE", wrong("4")],
  ["a property of every object", "NPY_DTYPE", wrong("'toString'")],
  ["an order that is a number", "NPY_ORDER", wrong("'<f4'", "(2, 3)", "1")],
  ["a list as shape", "NPY_SHAPE", wrong("'<f4'", "[2, 3]")],
  ["a negative size", "NPY_SHAPE", wrong("'<f4'", "(-2, -3)")],
  ["half a size", "NPY_SHAPE", wrong("'<f4'", "(1.5, 4)")],
  ["one number in brackets, which is no tuple", "NPY_SHAPE", wrong("'<f4'", "(6)")],
  ["33 dimensions", "NPY_SHAPE_RANK", wrong("'<f4'", `(${Array(33).fill(1).join(", ")})`)],
  ["2^32 × 2^32 elements", "NPY_SHAPE_OVERFLOW", wrong("'<f4'", "(4294967296, 4294967296)")],
  ["2^52 elements, whose bytes overflow", "NPY_SHAPE_OVERFLOW", wrong("'<f4'", "(4503599627370496,)")],
  ["an overflow hidden by a zero", "NPY_SHAPE_OVERFLOW", wrong("'<f4'", "(0, 99999999999999999999)")],
  ["a value too few", "NPY_CUT", wrong("'<f4'", "(7,)")],
  ["10^15 values that are not there", "NPY_CUT", wrong("'|u1'", "(1000000000000000,)")],
  ["a value too much", "NPY_TAIL", wrong("'<f4'", "(5,)")],
  ["a truth value of 3", "NPY_BOOL", npy(npyHeader("'|b1'", "(2,)"), Buffer.from([1, 3]))],
];

const inner = npy(header, data);
const good = { name: "a.npy", body: inner };
const packed = deflateRawSync(inner);
const deflated = { ...good, packed, method: 8 };
const bomb = (bytes: number) => {
  const body = npy(npyHeader("'|u1'", `(${bytes},)`), Buffer.alloc(bytes));
  return { name: "a.npy", body, packed: deflateRawSync(body, { level: 9 }), method: 8 };
};
const central = (fields: Record<string, number>, entry = good) => zip([{ ...entry, central: fields }]);
const local = (fields: Record<string, number | string>) => zip([{ ...good, local: fields }]);
const named = (name: string) => zip([{ ...good, name, flags: 0x800 }]);
const garbled = Buffer.from(packed).fill(0xff, 20);

const BAD_NPZ: readonly (readonly [string, string, Buffer])[] = [
  ["an empty file", "NPZ_TOO_SHORT", Buffer.alloc(0)],
  ["an npy file", "NPZ_END", inner],
  ["a zip cut short", "NPZ_END", zip([good]).subarray(0, -1)],
  ["a zip with a tail", "NPZ_END", Buffer.concat([zip([good]), Buffer.from("x")])],
  ["a comment", "NPZ_END", Buffer.concat([zip([good], { comment: 3 }), Buffer.from("abc")])],
  ["a comment that is not there", "NPZ_END", zip([good], { comment: 3 })],
  ["the second of two parts", "NPZ_DISKS", zip([good], { disk: 1 })],
  ["an entry in another part", "NPZ_DISKS", central({ disk: 1 })],
  ["a zip64 directory", "NPZ_ZIP64", zip([good], { at: 0xffffffff })],
  ["a zip64 entry", "NPZ_ZIP64", central({ size: 0xffffffff })],
  ["10,001 entries", "NPZ_TOO_MANY_ENTRIES", zip([good], { count: 10_001, onDisk: 10_001 })],
  ["a directory elsewhere", "NPZ_DIRECTORY", zip([good], { at: 0 })],
  ["more entries than there are", "NPZ_DIRECTORY", zip([good], { count: 2, onDisk: 2 })],
  [
    "fewer entries than there are",
    "NPZ_DIRECTORY",
    zip([good, { ...good, name: "b.npy" }], { count: 1, onDisk: 1 }),
  ],
  ["a directory's entry of another kind", "NPZ_DIRECTORY", central({ signature: 0x04034b50 })],
  ["an encrypted entry", "NPZ_ENCRYPTED", central({ flags: 1 })],
  ["bzip2", "NPZ_METHOD", central({ method: 12 })],
  ["an entry of another kind", "NPZ_NAME", named("a.pkl")],
  ["an entry that climbs", "NPZ_NAME", named("../../a.npy")],
  ["an absolute entry", "NPZ_NAME", named("/etc/cron.d/a.npy")],
  ["an entry called __proto__", "NPZ_NAME", named("__proto__.npy")],
  ["an entry without a name", "NPZ_NAME", named(".npy")],
  ["letters of DOS", "NPZ_NAME", zip([{ ...good, name: "ä.npy" }])],
  ["a name twice", "NPZ_DUPLICATE_NAME", zip([good, good])],
  ["no header where the entry should be", "NPZ_ENTRY", local({ signature: 0 })],
  ["another name in its own header", "NPZ_ENTRY", local({ name: "b.npy" })],
  ["another size in its own header", "NPZ_ENTRY", local({ size: 5 })],
  ["another method in its own header", "NPZ_ENTRY", local({ method: 8 })],
  ["another checksum in its own header", "NPZ_ENTRY", local({ crc: 5 })],
  ["a zip64 size without its field", "NPZ_ENTRY", local({ size: 0xffffffff, packed: 0xffffffff })],
  ["an entry that reaches into the directory", "NPZ_ENTRY", central({ at: 30 })],
  [
    "two entries on one place",
    "NPZ_OVERLAP",
    zip([
      { ...deflated, local: { name: "a.npy" } },
      { ...deflated, name: "b.npy", central: { at: 0 } },
    ]),
  ],
  ["a stored entry of two sizes", "NPZ_STORED_SIZE", central({ size: 5 })],
  ["a deflated size that cannot be", "NPZ_BOMB", central({ size: 2 ** 31 }, deflated)],
  ["a bomb: 100 MB of zeros in 100 kB", "NPZ_BOMB", zip([bomb(100 << 20)])],
  [
    "a bomb that says it is small",
    "NPZ_INFLATED_SIZE",
    zip([{ ...bomb(100 << 20), central: { size: 4000 }, local: { size: 4000 } }]),
  ],
  [
    "an entry smaller than it says",
    "NPZ_INFLATED_SIZE",
    zip([{ ...deflated, central: { size: inner.length + 1 }, local: { size: inner.length + 1 } }]),
  ],
  ["damaged deflate", "NPZ_INFLATE", zip([{ ...deflated, packed: garbled }])],
  ["deflate cut short", "NPZ_INFLATE", zip([{ ...deflated, packed: packed.subarray(0, -9) }])],
  [
    "bytes behind the deflated ones",
    "NPZ_INFLATE",
    zip([{ ...deflated, packed: Buffer.concat([packed, packed]) }]),
  ],
  ["a wrong checksum", "NPZ_CHECKSUM", zip([{ ...good, central: { crc: 1 }, local: { crc: 1 } }])],
  ["a pickle in a zip", "NPY_PICKLE", zip([{ name: "a.npy", body: wrong("'|O'") }])],
];

const parse = (bytes: Buffer, options?: NpzReadOptions) => parseNpz(bytesSource("bad.npz", bytes), options);
const own = (prefix: string) => Object.keys(ERROR_CODES).filter((code) => code.startsWith(prefix));

describe("bad npy files", () => {
  it.each(BAD_NPY)("%s: %s", (_what, code, bytes) => {
    expect(() => decodeNpy("bad.npy", bytes)).toThrow(
      expect.objectContaining({
        name: "FileError",
        code,
        message: expect.stringMatching(/^bad\.npy [^\n\r]{1,600}\.$/),
      }),
    );
  });

  it("covers each of the reader's codes", () => {
    expect(new Set(BAD_NPY.map(([, code]) => code))).toEqual(new Set(own("NPY_")));
  });
});

describe("bad npz files", () => {
  it.each(BAD_NPZ)("%s: %s", async (_what, code, bytes) => {
    await expect(parse(bytes)).rejects.toMatchObject({
      name: "FileError",
      code,
      message: expect.stringMatching(/^bad\.npz[ :][^\n\r]{1,600}\.$/),
    });
  });

  it("covers each of the reader's codes", () => {
    const codes = BAD_NPZ.map(([, code]) => code).filter((code) => code.startsWith("NPZ_"));
    expect(new Set(codes)).toEqual(new Set(own("NPZ_")));
  });

  it("unpacks much from little only when told how much to expect", async () => {
    const bytes = zip([bomb(20 << 20)]);
    await expect(parse(bytes)).rejects.toMatchObject({ code: "NPZ_BOMB" });
    const arrays = await parse(bytes, { maximumBytes: 21 << 20 });
    expect(arrays.get("a")!.data.length).toBe(20 << 20);
  });

  it("sizes behind the entry, as a stream writes them", async () => {
    const bytes = zip([{ ...good, flags: 8, local: { crc: 0, size: 0, packed: 0 } }]);
    expect((await parse(bytes)).get("a")!.shape).toEqual([2, 3]);
  });

  it("what could not be read back is not written", () => {
    const array: NpyArray = { type: "f4", shape: [1], data: Float32Array.of(1) };
    expect(() => encodeNpz("x", new Map([["../a", array]]))).toThrow(
      expect.objectContaining({ code: "NPZ_NAME" }),
    );
    const many = new Map(Array.from({ length: 10_001 }, (_, i) => [`${i}`, array]));
    expect(() => encodeNpz("x", many)).toThrow(expect.objectContaining({ code: "NPZ_TOO_MANY_ENTRIES" }));
    expect(() => encodeNpy("x", { ...array, shape: [2] })).toThrow("has 1 values");
  });
});

/** Of each type; 0 … 5 in [2, 3]. */
const arrays = new Map(
  Object.entries(NPY_ARRAYS).map(([type, array]): [string, NpyArray] => {
    const values = [0, 1, 2, 3, 4, 5].map((value) => (type === "b1" ? value & 1 : value));
    const big = type === "i8" || type === "u8";
    const typed = big ? BigInt64Array.from(values, BigInt) : Float64Array.from(values);
    const data = big ? new array(typed.buffer as ArrayBuffer) : new array(values as never);
    return [type, { type, shape: [2, 3], data } as NpyArray];
  }),
);

describe("good arrays", () => {
  it("column-major becomes row-major, big-endian this machine's", () => {
    const columns = npy(
      npyHeader("'>i2'", "(2, 3)", "True"),
      Buffer.from([0, 0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5]),
    );
    expect(decodeNpy("x", columns)).toEqual({
      type: "i2",
      shape: [2, 3],
      data: Int16Array.of(0, 1, 2, 3, 4, 5),
    });
    const cube = npy(npyHeader("'|u1'", "(2, 1, 3)", "True"), Buffer.from([0, 3, 1, 4, 2, 5]));
    expect(decodeNpy("x", cube).data).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5));
    expect(decodeNpy("x", npy(npyHeader("'<f8'", "()", "True"), Buffer.alloc(8))).shape).toEqual([]);
  });

  it.each([1, 2, 3])("version %d.0", (major) => {
    expect(decodeNpy("x", npy(header, data, { major })).data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
  });

  it.each([false, true])(
    "files of all types come back (compressed: %s); the same arrays give the same bytes",
    async (compressed) => {
      const folder = temporaryFolder();
      const path = join(folder, "x.npz");
      await writeNpz(path, arrays, { compressed });
      expect(await readNpz(path)).toEqual(arrays);
      const bytes = readFileSync(path);
      await writeNpz(path, arrays, { compressed });
      expect(readFileSync(path).equals(bytes)).toBe(true);
      await writeNpy(join(folder, "x.npy"), arrays.get("f8")!);
      expect(await readNpy(join(folder, "x.npy"))).toEqual(arrays.get("f8"));
    },
  );

  it("an array of no type is refused by what it should have", () => {
    const untyped = { shape: [1], data: Uint8Array.of(1) } as unknown as NpyArray;
    expect(() => encodeNpy("x.npy", untyped)).toThrow("x.npy: an array's type must be one of f4, f8,");
    expect(() => encodeNpy("x.npy", { ...untyped, type: "constructor" as "u1" })).toThrow(
      'got "constructor"',
    );
  });

  const numpy = spawnSync("python3", ["-c", "import numpy"]).status === 0;
  it.skipIf(!numpy)("NumPy reads ours, and we read NumPy's: types, orders, ends, shapes", async () => {
    const folder = temporaryFolder();
    await writeNpz(join(folder, "ours.npz"), arrays);
    await writeNpz(join(folder, "packed.npz"), arrays, { compressed: true });
    execFileSync("python3", ["-c", PYTHON, folder]);
    for (const name of ["theirs.npz", "theirs_packed.npz"]) {
      const theirs = await readNpz(join(folder, name));
      expect(theirs.size).toBe(11 * 2 * 2 * 4);
      for (const [key, { type, shape, data: values }] of theirs) {
        expect(key.startsWith(`${type}-`)).toBe(true);
        const expected = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
          type === "b1" ? i & 1 : i,
        );
        expect(Array.from(values as Float32Array, Number)).toEqual(expected);
      }
    }
    await expect(readNpy(join(folder, "objects.npy"))).rejects.toMatchObject({ code: "NPY_PICKLE" });
  });
});

const PYTHON = `
import numpy as np, sys
folder = sys.argv[1]
for name in ["ours", "packed"]:
    ours = np.load(f"{folder}/{name}.npz", allow_pickle=False)
    assert len(ours.files) == 11
    for t in ours.files:
        want = np.arange(6).reshape(2, 3)
        assert ours[t].dtype == np.dtype("?" if t == "b1" else t) and ours[t].shape == (2, 3), t
        assert (ours[t] == (want % 2 if t == "b1" else want)).all(), t
arrays = {}
for t in ["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]:
    for end in "<>":
        for order in "CF":
            for i, shape in enumerate([(), (5,), (2, 3), (2, 0, 3)]):
                n = int(np.prod(shape))
                a = np.arange(n).reshape(shape)
                dtype = "?" if t == "b1" else end + t
                arrays[f"{t}-{end}{order}{i}"] = np.asarray(a % 2 if t == "b1" else a).astype(dtype, order=order)
np.savez(f"{folder}/theirs.npz", **arrays)
np.savez_compressed(f"{folder}/theirs_packed.npz", **arrays)
np.save(f"{folder}/objects.npy", np.array([{}], dtype=object), allow_pickle=True)
`;
