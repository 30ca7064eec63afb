/** SHA-256 as pages compute it, against Node's own. */
import { describe, expect, it } from "vitest";
import { sha256 as inNode } from "../src/platform/node.js";
import { sha256 } from "../src/platform/sha256.js";
import { Purpose, randomWords } from "../src/random.js";

describe("sha256 without node:crypto", () => {
  it("gives the standard's own example", () => {
    // FIPS 180-4's example: https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values
    const abc = new TextEncoder().encode("abc");
    expect(sha256([abc])).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("agrees with Node's for every length around the blocks' ends", () => {
    const words = randomWords(0, Purpose.Dataset, 1);
    for (let length = 0; length <= 200; length++) {
      const bytes = Uint8Array.from({ length }, words);
      expect(sha256([bytes]), `${length} bytes`).toBe(inNode([bytes]));
    }
  });

  it("and however the bytes are cut into pieces, empty ones among them", () => {
    const words = randomWords(0, Purpose.Dataset, 2);
    for (let round = 0; round < 100; round++) {
      const bytes = Uint8Array.from({ length: words() % 1000 }, words);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + (words() % 130);
        pieces.push(bytes.subarray(at, end));
        at = end;
      }
      expect(sha256(pieces), `pieces of ${pieces.map(({ length }) => length)}`).toBe(inNode([bytes]));
    }
  });
});
