/**
 * Removes one guard after another from a copy of the sources, and requires a test that watches it to fail:
 *   node test/hostile/guards.js [part of a guard's name or test]...
 * Before that each of those tests must pass with all guards in place. A guard that can go without a test noticing is printed as
 * GREEN; a change with which nothing could be tested, or not in time, as BROKEN or LATE; then the exit code is 1. Takes about
 * ten seconds a guard.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GUARDS } from "./guardList.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "test", "docs", "dist", "package.json", "package-lock.json"];
const CONFIGURATIONS = ["tsconfig.json", "tsconfig.build.json", "vitest.config.ts"];
const TEST_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), "cbapd-guards-"));
const report = join(folder, "report.json");
const run = (command, ...args) =>
  spawnSync(process.execPath, [join(ROOT, "node_modules", command), ...args], {
    cwd: folder,
    timeout: TEST_MS,
  });

/** @returns "green", "red" with the first test that failed, or why neither is certain */
function runTest(test) {
  rmSync(report, { force: true });
  const reporter = ["--bail", "1", "--reporter", "json", "--outputFile", report];
  const { signal, stdout, stderr } = run("vitest/vitest.mjs", "run", `test/${test}.test.ts`, ...reporter);
  if (signal) return { color: "LATE" };
  // A bomb that goes off takes the test's process with it, before the test can fail by name.
  const died = /Worker exited unexpectedly|out of memory/.test(`${stdout}${stderr}`);
  if (died) return { color: "red", failed: "the test's process died" };
  if (!existsSync(report)) return { color: "BROKEN" };
  const { success, testResults } = JSON.parse(readFileSync(report, "utf8"));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === "failed");
  if (failed) return { color: "red", failed: failed.fullName };
  const before = testResults.find(({ message }) => /^expected /.test(message));
  if (before) return { color: "red", failed: "before its first test" };
  return { color: success && tests.length > 0 ? "green" : "BROKEN" };
}

/** What child processes and threads run is built. */
const build = () => run("typescript/bin/tsc", "-p", "tsconfig.build.json", "--noEmitOnError", "false");
const restoreBuild = () => {
  rmSync(join(folder, "dist"), { recursive: true });
  cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true });
};

function runWithout({ file, guard, without, test, built = false }) {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  if (text.split(guard).length !== 2) throw new Error(`${file} must have the guard once: ${guard}`);
  writeFileSync(
    path,
    text.replace(guard, () => without),
  );
  try {
    if (built) build();
    return runTest(test);
  } finally {
    writeFileSync(path, text);
    if (built) restoreBuild();
  }
}

function say(color, what) {
  process.stdout.write(`${color.padEnd(7)} ${what}\n`);
}

try {
  for (const name of [...COPIED, ...CONFIGURATIONS])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
  const wanted = process.argv.slice(2);
  const guards = GUARDS.filter(
    ({ name, test }) => wanted.length === 0 || wanted.some((part) => name.includes(part) || test === part),
  );
  const sound = new Set();
  for (const test of new Set(guards.map((guard) => guard.test))) {
    const { color, failed = "" } = runTest(test);
    if (color === "green") sound.add(test);
    else say("BROKEN", `${test}, with all guards in place: ${color} ${failed}`);
  }
  let red = 0;
  for (const guard of guards.filter(({ test }) => sound.has(test))) {
    const { color, failed } = runWithout(guard);
    if (color === "red") red++;
    say(color === "green" ? "GREEN" : color, `${guard.name} (${guard.test}${failed ? `: ${failed}` : ""})`);
  }
  say("", `${red} of ${guards.length} guards are missed by a test when they are gone`);
  if (red < guards.length) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
