/** The chain of proof over random cases: `npm test` runs a hundred a layer, `npm run test:deep` two thousand. */
import { beforeAll, describe, expect, it } from "vitest";
import { againstOracle, againstReference, differences, type LinkReport } from "../src/verify/chain.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import { Machine } from "../src/verify/machine.js";
import { type Oracle, openOracle } from "../src/verify/oracle/index.js";
import { CASES, DEEP, SEED } from "./support/cases.js";

let machine: Machine;
let oracle: Oracle;
beforeAll(async () => {
  machine = await Machine.open();
  oracle = (await openOracle())!;
});

function expectProven(report: LinkReport): void {
  const { layer, link, cases, worst } = report;
  const share = worst
    ? `${((100 * worst.error) / worst.tolerance).toFixed(1)} % of its tolerance (${worst.tensor})`
    : "exact";
  if (DEEP) console.log(`${layer}, ${link}: ${cases} cases, worst error ${share}`);
  expect(report.failure).toBeUndefined();
  expect(report.cases).toBe(CASES);
}

describe.each(DESCRIPTIONS)("$name", (description) => {
  const options = { cases: CASES, seed: SEED };
  it("reference against central differences", () => {
    expectProven(differences(description, options));
  });
  it("wasm against the reference", () => {
    expectProven(againstReference(description, machine, options));
  });
  it("both against tfjs", () => {
    expectProven(againstOracle(description, machine, oracle.layer, options));
  });
});
