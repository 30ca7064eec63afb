/** The published hashes: the same bits on this machine, for any number of workers. Other Nodes: npm run test:determinism. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { NETWORK_NAMES } from "../src/models/networks.js";
import hashes from "./determinism/hashes.json" with { type: "json" };

const WORKERS = ["1", "2", "3", "4", "8"];

let trained: { dataSha256: string; weights: Record<string, Record<string, string>> };
beforeAll(() => {
  const script = fileURLToPath(new URL("determinism/train.js", import.meta.url));
  trained = JSON.parse(execFileSync(process.execPath, [script, WORKERS.join()], { encoding: "utf8" }));
});

describe("weights after 20 steps, SHA-256", () => {
  it("starts from the published data", () => {
    expect(trained.dataSha256).toBe(hashes.dataSha256);
  });

  it.each(NETWORK_NAMES)("%s: as published, for 1, 2, 3, 4 and 8 workers", (name) => {
    const expected = Object.fromEntries(WORKERS.map((count) => [count, hashes.weights[name]]));
    expect(trained.weights[name]).toEqual(expected);
  });
});
