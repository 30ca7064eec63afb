/** The chain of proof for the six networks: the reference by central differences, wasm by the reference, both by tfjs. */
import { beforeAll, describe, expect, it } from "vitest";
import { NETWORK_NAMES } from "../src/models/networks.js";
import type { LinkReport } from "../src/verify/chain.js";
import { Machine } from "../src/verify/machine.js";
import {
  networkAgainstOracle,
  networkAgainstReference,
  networkCase,
  networkDifferences,
} from "../src/verify/networks.js";
import { type Oracle, openOracle } from "../src/verify/oracle/index.js";
import { DEEP, SEED } from "./support/cases.js";

const CASES = DEEP ? 20 : 1;

let machine: Machine;
let oracle: Oracle;
beforeAll(async () => {
  machine = await Machine.open();
  oracle = (await openOracle())!;
});

function expectProven(report: LinkReport): void {
  expect(report.failure).toBeUndefined();
  expect(report.cases).toBe(CASES);
  const { layer, link, cases, worst } = report;
  if (DEEP) console.log(`${layer}, ${link}: ${cases} cases`, worst);
}

describe.each(NETWORK_NAMES)("%s", (name) => {
  it("stays clear of kinks", () => {
    expect(networkCase(name, SEED).margin).toBeGreaterThan(2e-6);
  });
  it("reference against central differences", () => {
    expectProven(networkDifferences(name, { cases: CASES, seed: SEED }));
  });
  it("wasm against the reference", () => {
    expectProven(networkAgainstReference(name, machine, { cases: CASES, seed: SEED }));
  });
  it("both against tfjs, three Adam steps", () => {
    expectProven(networkAgainstOracle(name, machine, oracle.network, { cases: CASES, seed: SEED }));
  });
});
