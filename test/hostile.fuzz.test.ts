/** 20,000 files that nobody should have to read. The large run: npm run test:soak -- fuzz. What is tried: test/hostile/targets.js. */
import { describe, expect, it } from "vitest";
import { fuzz, fuzzPlanted } from "./support/fuzz.js";

const CASES = 20_000;
const SEED = 5;

describe("fuzzing of all readers", () => {
  it(`refuses with a code, or reads and writes the same: ${CASES} files`, () => {
    const report = fuzz(CASES, SEED, 4);
    expect(report.total).toBeGreaterThanOrEqual(CASES);
    // A fuzzer whose files are all refused at once, or for few reasons, would prove little.
    expect(report.accepted).toBeGreaterThan(CASES / 5);
    expect(Object.keys(report.refused).length).toBeGreaterThan(100);
  });

  it("would notice what no reader may do", () => {
    expect(() => fuzzPlanted("accepts", 60)).not.toThrow();
    expect(() => fuzzPlanted("untyped", 60)).toThrow("TypeError: planted");
    expect(() => fuzzPlanted("uncoded", 60)).toThrow("no code: planted");
    expect(() => fuzzPlanted("manyLines", 60)).toThrow("no one-line message");
    expect(() => fuzzPlanted("memory", 60)).toThrow(/used \d+ bytes for a file of 9/);
    expect(() => fuzzPlanted("slow", 60)).toThrow(/took \d+/);
    expect(() => fuzzPlanted("crash", 60)).toThrow("signal SIGABRT");
    expect(() => fuzzPlanted("hang", 6)).toThrow("signal SIGKILL");
  });
});
