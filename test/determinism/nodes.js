/**
 * Runs train.js on other versions of Node, which npm installs into a temporary folder, and holds the hashes against hashes.json.
 *   npm run test:determinism [-- 20.20.2 22.23.3]     versions; by default the ones below
 *   npm run test:determinism -- --update              writes hashes.json anew, from this machine's Node
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installNode, VERSIONS } from "../support/nodes.js";

const MINUTES = 60_000;

const hashesPath = fileURLToPath(new URL("hashes.json", import.meta.url));
const trainPath = fileURLToPath(new URL("train.js", import.meta.url));

function train(node) {
  return JSON.parse(execFileSync(node, [trainPath], { encoding: "utf8", timeout: 10 * MINUTES }));
}

/** Names of what differs: "data", or "vgg16, 3 workers". */
function differences({ dataSha256, weights }, expected) {
  const wrong = dataSha256 === expected.dataSha256 ? [] : ["data"];
  for (const [network, sha256] of Object.entries(expected.weights)) {
    for (const [workers, found] of Object.entries(weights[network])) {
      if (found !== sha256) wrong.push(`${network}, ${workers} workers`);
    }
  }
  return wrong;
}

function update() {
  const { dataSha256, weights } = train(process.execPath);
  const first = Object.entries(weights).map(([name, byWorkers]) => [name, Object.values(byWorkers)[0]]);
  const hashes = { dataSha256, weights: Object.fromEntries(first) };
  writeFileSync(hashesPath, `${JSON.stringify(hashes, null, 2)}\n`);
  console.log(`${hashesPath} written.`);
}

function compareAll(versions) {
  const expected = JSON.parse(readFileSync(hashesPath, "utf8"));
  let passed = 0;
  let failed = 0;
  for (const version of versions) {
    const folder = mkdtempSync(join(tmpdir(), "cbapd-node-"));
    try {
      const result = train(installNode(version, folder));
      const wrong = differences(result, expected);
      const counts = Object.keys(result.weights.baseline).join(", ");
      console.log(
        `Node ${result.node}, V8 ${result.v8}, ${counts} workers: ${wrong.join("; ") || "the same bits"}`,
      );
      if (wrong.length > 0) failed++;
      else passed++;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

const args = process.argv.slice(2);
if (args.includes("--update")) update();
else compareAll(args.length > 0 ? args : VERSIONS);
