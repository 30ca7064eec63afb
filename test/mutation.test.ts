/** The mutation tool: what it changes, how it samples, how it reports. (The run itself: npm run test:mutation.) */
import { describe, expect, it } from "vitest";
import { applyChange, changesOf, showChange } from "./mutation/operators.js";
import { renderReport } from "./mutation/report.js";
import { sample } from "./mutation/sample.js";

const SOURCE = `
export function addForward(y: usize, a: usize, b: usize, n: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) v128.store(y + i, f32x4.add(v128.load(a), v128.load(b)));
  for (; i < n; ++i) store<f32>(y + (<usize>i << 2), load<f32>(a));
  if (n > 0) fold(y, a, (n - 1) * 2);
}
`;

const mutated = (operator: string) =>
  changesOf(SOURCE)
    .filter((change) => change.operator === operator)
    .map((change) => applyChange(SOURCE, change));

describe("operators", () => {
  it.each([
    ["tail loop", "  ;\n  if (n > 0)"],
    ["comparison", "i <= n; ++i"],
    ["bound", "i < n - 1; ++i"],
    ["bound", "i + 4 <= n + 4; i += 4"],
    ["arithmetic", "(n + 1) * 2"],
    ["arithmetic", "(n - 1) + 2"],
    ["arithmetic", "(<usize>i >> 2)"],
    ["lost term", "v128.store(y + i, v128.load(a))"],
    ["lost term", "store<f32>((y), load"],
    ["overwrite or add", "v128.store(y + i, f32x4.add(v128.load(y + i), f32x4.add("],
    ["overwrite or add", "i = 4)"],
    ["other function", "f32x4.sub(v128.load(a), v128.load(b))"],
    ["swapped arguments", "fold(a, y, (n - 1) * 2)"],
    ["lost statement", "if (n > 0) ;"],
    ["condition", "if (!(n > 0))"],
    ["constant", "(n - 2)"],
    ["constant", "i + (4 + 1) <= n"],
  ])("%s: %s", (operator, expected) => {
    expect(mutated(operator).some((text) => text.includes(expected))).toBe(true);
  });

  it("leave alone what cannot change a result", () => {
    expect(mutated("comparison").some((text) => text.includes("i + 4 < n"))).toBe(false); // the tail does it then
    expect(mutated("bound").some((text) => text.includes("i + 4 <= n - 1"))).toBe(false);
    const sum = "export const sum = (x: number, y: number) => backend.add(x, y);";
    expect(changesOf(sum).some(({ operator }) => operator === "swapped arguments")).toBe(false);
  });

  it("change one place each, never to what was there, and no types or imports", () => {
    const source = `import { a } from "./a";\nconst x: Record<string, 3> = { n: 1 };\n`;
    expect(changesOf(source).map((change) => applyChange(source, change))).toEqual([
      source.replace("1", "2"),
    ]);
    for (const change of changesOf(SOURCE)) expect(applyChange(SOURCE, change)).not.toBe(SOURCE);
  });

  it("are shown with their line", () => {
    const [change] = changesOf(SOURCE).filter(({ operator }) => operator === "condition");
    expect(showChange(SOURCE, change)).toEqual({
      line: 6,
      change: "n > 0 → !(n > 0)",
      context: "if (n > 0) fold(y, a, (n - 1) * 2);",
    });
  });
});

describe("a sample", () => {
  const mutants = ["a.ts", "b.ts", "c.ts"].flatMap((file) =>
    Array.from({ length: 20 }, (_, i) => ({ file, operator: `o${i % 4}`, at: i })),
  );

  it("is spread over files and operators, and the same for a seed", () => {
    const chosen = sample(mutants, 24, 5);
    for (const file of ["a.ts", "b.ts", "c.ts"])
      expect(chosen.filter((m) => m.file === file)).toHaveLength(8);
    for (const operator of ["o0", "o1", "o2", "o3"]) {
      expect(chosen.filter((m) => m.operator === operator)).toHaveLength(6);
    }
    expect(new Set(chosen).size).toBe(24);
    expect(sample(mutants, 24, 5)).toEqual(chosen);
    expect(sample(mutants, 24, 6)).not.toEqual(chosen);
    expect(sample(mutants, 999, 0)).toHaveLength(60);
  });
});

describe("the report", () => {
  const result = (verdict: string, change: string) => ({
    file: "assembly/add.ts",
    operator: "bound",
    line: 3,
    context: "line",
    change,
    verdict,
  });

  it("counts what compiled, leaves proven equivalents out, and lists every survivor", () => {
    const results = [
      result("caught", "a"),
      result("caught", "b"),
      result("survived", "c"),
      result("survived", "d"),
      result("did not compile", "e"),
    ];
    const explained = [{ file: "assembly/add.ts", context: "line", change: "c", reason: "the same" }];
    const { text, share } = renderReport(results, explained);
    expect(share).toBeCloseTo(2 / 3, 12);
    expect(text).toContain("5 mutants: 2 caught, 2 survived, 1 did not compile.");
    expect(text).toContain("Caught of all that compile: 50.0 %.");
    expect(text).toMatch(/assembly\/add\.ts:3 *\| *`c` *\| *the same/);
    expect(text).toMatch(/`d` *\| *\*\*not explained\*\*/);
  });
});
