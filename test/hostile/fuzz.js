/**
 * Fuzzes every reader: node --max-old-space-size=512 test/hostile/fuzz.js <cases> <seed>
 * A file must be refused with one of the errors of docs/errors.md, or accepted and come back as the same content after writing;
 * within 2 s, and with no more memory than twice its size and 16 MB. Prints one line of JSON. Everything else, a crash among it,
 * shows as an exit code.
 *   fuzz.js planted <name>   tries a reader that is broken on purpose, so that a test sees this script notice
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getHeapStatistics } from "node:v8";
import fc from "fast-check";
import { ERROR_CODES } from "../../dist/errorCodes.js";
import { CbapdError } from "../../dist/errors.js";

const CASE_MS = 2000;
const EXTRA_BYTES = 16 * 1024 * 1024;

/** Readers that do what none may. */
const PLANTED = {
  accepts: () => {},
  untyped: () => {
    throw new TypeError("planted");
  },
  uncoded: () => {
    throw new CbapdError("planted");
  },
  manyLines: () => {
    throw new CbapdError("planted\nplanted", { code: "FILE_NOT_FOUND" });
  },
  memory: () => new Uint8Array(64 << 20).fill(1),
  slow: () => {
    const end = performance.now() + CASE_MS + 100;
    while (performance.now() < end);
  },
  crash: () => process.abort(),
  hang: () => {
    for (;;);
  },
};

function usedBytes() {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

const worst = { ms: 0, bytes: 0 };
const counts = { accepted: 0, refused: {} };

async function tryFile(read, bytes, scratch) {
  const before = usedBytes();
  const begin = performance.now();
  try {
    await read(bytes, scratch);
    counts.accepted++;
  } catch (error) {
    if (!(error instanceof CbapdError)) throw error;
    if (!Object.hasOwn(ERROR_CODES, error.code ?? ""))
      throw new Error(`no code: ${error.message}`, { cause: error });
    if (/[\n\r\u2028]/.test(error.message) || error.message.length > 4096) {
      throw new Error(`no one-line message: ${error.message}`, { cause: error });
    }
    counts.refused[error.code] = (counts.refused[error.code] ?? 0) + 1;
  }
  const ms = performance.now() - begin;
  const used = usedBytes() - before; // garbage counts too; where it was collected in between, it is less
  worst.ms = Math.max(worst.ms, ms);
  worst.bytes = Math.max(worst.bytes, used);
  if (ms > CASE_MS) throw new Error(`took ${ms} ms`);
  if (used > 2 * bytes.length + EXTRA_BYTES)
    throw new Error(`used ${used} bytes for a file of ${bytes.length}`);
}

async function fuzzAll(cases, seed) {
  const targets = (await import("./targets.js")).TARGETS.filter(({ thread }) => !thread || mayStartThreads());
  const scratch = mkdtempSync(join(tmpdir(), "cbapd-fuzz-"));
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const ran = {};
  try {
    for (const { name, weight, files, read } of targets) {
      const numRuns = Math.ceil((cases * weight) / weights);
      const property = fc.asyncProperty(files, (bytes) => tryFile(read, bytes, scratch));
      const result = await fc.check(property, { numRuns, seed });
      if (result.failed) throw new Error(describe(name, result), { cause: result.errorInstance });
      ran[name] = result.numRuns;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const total = Object.values(ran).reduce((sum, count) => sum + count, 0);
  const maxRssBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(`${JSON.stringify({ total, ran, ...counts, worst, maxRssBytes })}\n`);
}

/** Node's permission model forbids them unless told otherwise. */
function mayStartThreads() {
  return process.permission === undefined || process.permission.has("worker");
}

function describe(name, { seed, counterexample }) {
  const bytes = Buffer.from(counterexample[0]);
  return `${name}, seed ${seed}: ${bytes.toString("base64")}\n${JSON.stringify(bytes.toString("latin1"))}`;
}

const [first, second] = process.argv.slice(2);
if (first === "planted") await tryFile(PLANTED[second], Buffer.alloc(9), "");
else await fuzzAll(Number(first), Number(second));
