/**
 * Mutation testing: breaks the kernels and layers in many small ways, one at a time, rebuilds, runs the tests, and reports how many
 * of the breaks the tests notice. Takes about half a minute a mutant; not part of `npm test`.
 *
 *   npm run test:mutation -- --count 100 --seed 0      a sample, spread over files and operators
 *   npm run test:mutation -- --only assembly/sums.ts   one file
 *   npm run test:mutation -- --list                    all candidates
 *
 * Results go to mutation.jsonl as they come (--log FILE): the same command again goes on where it stopped.
 * --report FILE writes a table in Markdown.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { applyChange, changesOf, showChange } from "./operators.js";
import { renderPage, renderReport } from "./report.js";
import { sample } from "./sample.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["assembly", "src/layers"];
const EXTRA = ["src/shape.ts"]; // the one padding rule
/** Run first: they reach every kernel, and take seconds. */
const QUICK = ["test/layers.chain.test.ts", "test/laws.test.ts"];
/**
 * Left out for survivors: tests of files, folders, pages and the command line, which take long and see no kernel that others do not.
 * A break that only they would notice counts as one that survived.
 */
const ELSEWHERE = [
  "*.cli",
  "atomicFile",
  "bench",
  "browser",
  "checkpoint",
  "cli",
  "data*",
  "dependencies",
  "docs",
  "errors.docs",
  "export*",
  "folderLock",
  "hostile*",
  "import*",
  "kill",
  "lab/*",
  "mutation",
  "report",
  "runFolder*",
  "safetensors",
  "saveClock",
  "storedFile",
  "sweep",
  "watch*",
];
const QUICK_MINUTES = 6;
const WHOLE_MINUTES = 25;

const { values: options } = parseArgs({
  options: {
    count: { type: "string", default: "100" },
    seed: { type: "string", default: "0" },
    only: { type: "string" },
    list: { type: "boolean", default: false },
    log: { type: "string", default: "mutation.jsonl" },
    report: { type: "string" },
  },
});

/** The file whose break is still in what was built. */
let leftBuilt;

const mutants = candidates();
if (options.list) {
  for (const { file, operator, line, change } of mutants)
    console.log(`${file}:${line} [${operator}] ${change}`);
  console.log(`${mutants.length} candidates`);
} else {
  process.exitCode = await testMutants();
}

function candidates() {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`),
  );
  return [...files, ...EXTRA]
    .filter((file) => !options.only || file === options.only)
    .flatMap((file) => {
      const source = readFileSync(join(ROOT, file), "utf8");
      return changesOf(source).map((change) => ({ file, ...change, ...showChange(source, change) }));
    });
}

async function testMutants() {
  const chosen = sample(mutants, Number(options.count), Number(options.seed));
  const known = new Map(readLog().map((result) => [keyOf(result), result]));
  const results = [];
  const tree = copyTree();
  try {
    for (const [i, mutant] of chosen.entries()) {
      let result = known.get(keyOf(mutant));
      if (!result) {
        const started = Date.now();
        const outcome = await tryMutant(tree, mutant);
        result = { ...mutant, ...outcome, seconds: Math.round((Date.now() - started) / 1000) };
        appendFileSync(options.log, `${JSON.stringify(result)}\n`);
      }
      results.push(result);
      const { file, line, operator, change, verdict, by } = result;
      console.log(
        `${i + 1}/${chosen.length} ${verdict}${by ? ` by ${by}` : ""}: ${file}:${line} [${operator}] ${change}`,
      );
    }
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  const { text, share } = renderReport(results, readExplanations());
  console.log(`\n${text}`);
  if (options.report) writeFileSync(options.report, renderPage(text, options));
  return share >= 0.95 ? 0 : 1;
}

/** Caught, survived, or no mutant at all, as it does not compile. */
async function tryMutant(tree, mutant) {
  const path = join(tree, mutant.file);
  const source = readFileSync(path, "utf8");
  writeFileSync(path, applyChange(source, mutant));
  // What the one before left built is built anew together with this one, if it is of the same kind.
  if (leftBuilt && kindOf(leftBuilt) !== kindOf(mutant.file)) await builds(tree, leftBuilt);
  leftBuilt = mutant.file;
  try {
    if (!(await builds(tree, mutant.file))) return { verdict: "did not compile" };
    const stem = basename(mutant.file, ".ts");
    const own = readdirSync(join(tree, "test")).filter(
      (name) => name.startsWith(stem) && name.endsWith(".test.ts"),
    );
    const first = [...new Set([...own.map((name) => `test/${name}`), ...QUICK])];
    const quick = await runTests(tree, first, QUICK_MINUTES);
    if (quick !== "passed") return { verdict: "caught", by: quick === "failed" ? "quick tests" : quick };
    const others = ELSEWHERE.flatMap((name) => ["--exclude", `test/${name}.test.ts`]);
    const whole = await runTests(tree, others, WHOLE_MINUTES);
    if (whole !== "passed") return { verdict: "caught", by: whole === "failed" ? "the other tests" : whole };
    return { verdict: "survived" };
  } finally {
    writeFileSync(path, source);
  }
}

/** Built by asc, or by tsc. */
function kindOf(file) {
  return file.startsWith("assembly/") ? "core" : "library";
}

async function builds(tree, file) {
  if (kindOf(file) === "library") {
    // Types decide too: a change that tsc rejects is no mutant.
    return (await run(tree, "tsc", ["-p", "tsconfig.build.json"], 4)) === "passed";
  }
  const targets = ["release", "debug"].map((target) =>
    run(tree, "asc", ["assembly/index.ts", "--target", target], 4),
  );
  return (await Promise.all(targets)).every((outcome) => outcome === "passed");
}

function runTests(tree, files, minutes) {
  return run(tree, "vitest", ["run", "--bail", "1", "--reporter", "dot", ...files], minutes);
}

/** "passed", "failed", or "time-out": then the command is killed, with all that it started. */
function run(tree, command, args, minutes) {
  return new Promise((resolve) => {
    const bin = join(tree, "node_modules/.bin", command);
    const child = spawn(bin, args, {
      cwd: tree,
      stdio: "ignore",
      detached: true,
      env: { ...process.env, CI: "1" },
    });
    const kill = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // it has ended by itself
      }
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, minutes * 60_000);
    child.on("exit", (code) => {
      clearTimeout(timer);
      kill(); // workers that outlived it
      resolve(late ? "time-out" : code === 0 ? "passed" : "failed");
    });
  });
}

/** What git has, in a folder of its own, built; node_modules is shared. */
function copyTree() {
  const tree = mkdtempSync(join(tmpdir(), "cbapd-mutation-"));
  const files = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  for (const file of files) {
    if (!existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(join(ROOT, file), join(tree, file));
  }
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  execFileSync("npm", ["run", "build"], { cwd: tree, stdio: "ignore" });
  return tree;
}

function readLog() {
  if (!existsSync(options.log)) return [];
  const lines = readFileSync(options.log, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

function readExplanations() {
  const path = fileURLToPath(new URL("survivors.json", import.meta.url));
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
}

/** A mutant is known again by its file, its line's text and what it changes; line numbers may move. */
function keyOf({ file, context, change, operator }) {
  return [file, context, change, operator].join("\n");
}
