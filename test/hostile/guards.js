/**
 * Removes one guard after another from a copy of the sources, and requires the test that watches it to fail:
 *   node test/hostile/guards.js [part of a guard's name]
 * A guard that can go without a test noticing is printed, and the exit code is 1. Takes about ten seconds a guard.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GUARDS } from "./guardList.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = ["src", "test", "docs", "dist", "package.json", "package-lock.json"];
const CONFIGURATIONS = ["tsconfig.json", "tsconfig.build.json", "vitest.config.ts"];
/** Their child processes run the built package. */
const BUILT = ["hostile.memory"];
const TEST_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), "cbapd-guards-"));
const run = (command, ...args) =>
  spawnSync(process.execPath, [join(ROOT, "node_modules", command), ...args], {
    cwd: folder,
    timeout: TEST_MS,
  });

/** @returns whether the test failed without the guard */
function failsWithout({ file, guard, without, test }) {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  if (text.split(guard).length !== 2) throw new Error(`${file} must have the guard once: ${guard}`);
  writeFileSync(
    path,
    text.replace(guard, () => without),
  );
  try {
    if (BUILT.includes(test))
      run("typescript/bin/tsc", "-p", "tsconfig.build.json", "--noEmitOnError", "false");
    return run("vitest/vitest.mjs", "run", `test/${test}.test.ts`).status !== 0;
  } finally {
    writeFileSync(path, text);
  }
}

try {
  for (const name of [...COPIED, ...CONFIGURATIONS])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
  for (const guard of GUARDS.filter(({ name }) => name.includes(process.argv[2] ?? ""))) {
    const failed = failsWithout(guard);
    if (!failed) process.exitCode = 1;
    process.stdout.write(`${failed ? "red  " : "GREEN"}  ${guard.name} (${guard.test})\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
