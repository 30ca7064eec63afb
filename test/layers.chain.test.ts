/** The chain of proof over random cases: `npm test` runs a hundred a layer, `npm run test:deep` two thousand. */
import { beforeAll, describe, expect, it } from "vitest";
import { againstReference, differences, type LinkReport } from "../src/verify/chain.js";
import { DESCRIPTIONS } from "../src/verify/descriptions/index.js";
import { Machine } from "../src/verify/machine.js";

const CASES = Number(process.env.CBAPD_CASES ?? 100);
const SEED = Number(process.env.CBAPD_SEED ?? 0);

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.open();
});

function expectProven(report: LinkReport): void {
  console.log(`${report.layer} ${report.link}: ${report.cases} cases, worst`, report.worst);
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
});
