/**
 * The package as users get it: packed, installed in an empty project, type-checked, run by each version of Node that is
 * supported, and carried into a page by three bundlers. `npm run test:package`, after `npm run build`; needs a registry.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openChromium, serve } from "../support/browser.js";
import { installNode, VERSIONS } from "../support/nodes.js";

/** 1.5 MB, says issue 6. */
const MOST_BYTES = 1.5e6;
const HERE = new URL(".", import.meta.url);
const root = fileURLToPath(new URL("../../", HERE));
const { weights } = JSON.parse(readFileSync(new URL("../determinism/hashes.json", HERE), "utf8"));
const LENET5: string = weights.lenet5;

const scratch = mkdtempSync(join(tmpdir(), "cbapd-package-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const run = (command: string, args: readonly string[], cwd = scratch) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const install = (...args: string[]) => ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...args];

const tarball = join(scratch, "cbapd.tgz");
beforeAll(() => {
  const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", scratch], root));
  renameSync(join(scratch, filename), tarball);
});

describe("the tarball", () => {
  it("is small", () => {
    expect(statSync(tarball).size).toBeLessThanOrEqual(MOST_BYTES);
  });

  it("has what is needed, and nothing of development", () => {
    const names = run("tar", ["-tzf", tarball]).trim().split("\n");
    for (const name of [
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "dist/core/release.wasm",
      "dist/workers/web-worker.js",
    ]) {
      expect(names).toContain(`package/${name}`);
    }
    expect(names.filter((name) => /\.map$|debug\.wasm$|\.test\.|\/test\/|\.tsbuildinfo$/.test(name))).toEqual(
      [],
    );
  });
});

describe("installed in an empty project", () => {
  const project = join(scratch, "project");
  beforeAll(() => {
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    run("npm", install(tarball, "@types/node@20"), project);
    copyFileSync(new URL("consumer.ts", HERE), join(project, "consumer.ts"));
  });

  it.each(["nodenext", "bundler"])(
    "its types serve strict TypeScript, moduleResolution %s",
    (moduleResolution) => {
      const compilerOptions = {
        target: "es2023",
        module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
        moduleResolution,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        types: ["node"],
        skipLibCheck: false,
      };
      writeFileSync(
        join(project, "tsconfig.json"),
        JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
      );
      run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", project], project);
    },
  );

  it("the command line works", () => {
    expect(run("npx", ["cbapd", "summary", "lenet5"], project)).toContain("62,006");
    expect(run("npx", ["cbapd", "verify", "flatten", "--cases", "5"], project)).toContain("flatten");
  });

  it.each(VERSIONS)("trains in Node %s, to the same bits", (version) => {
    const node = installNode(version, join(scratch, version));
    const printed = JSON.parse(run(node, ["consumer.js"], project));
    expect(printed).toEqual({
      node: version,
      steps: 20,
      sha256: LENET5,
      again: LENET5,
      x: [1, 2],
      functions: ["function", "function", "function"],
    });
  });
});

describe.skipIf(!hasChromium)("in a page", () => {
  const examples = join(scratch, "bundlers");
  beforeAll(() => {
    const own = join(root, "examples/bundlers");
    cpSync(own, examples, { recursive: true, filter: (path) => !/\/(node_modules|dist)$/.test(path) });
    copyFileSync(tarball, join(examples, "cbapd.tgz"));
    // What the lock file pins; the tarball itself is new each time, and has no checksum in it.
    run("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], examples);
  });

  it.each([
    ["vite", "dist/index.html"],
    ["esbuild", "index.html"],
    ["webpack", "index.html"],
  ])("%s carries it there, where it trains, isolated and not, to the same bits", async (bundler, html) => {
    const folder = join(examples, bundler);
    run("npm", ["run", "build", "--silent"], folder);
    const browser = await openChromium();
    try {
      for (const isolated of [true, false]) {
        const server = await serve(folder, { isolated });
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("pageerror", (error) => complaints.push(error.message));
        page.on("console", (message) => complaints.push(message.text()));
        await page.goto(`${server.origin}/${html}`);
        await page.waitForFunction(`document.querySelector("output").value.startsWith("trained")`);
        expect(await page.evaluate("crossOriginIsolated")).toBe(isolated);
        expect(await page.textContent("output")).toBe(`trained: ${LENET5}`);
        expect(complaints).toEqual([]);
        await page.close();
        await server.close();
      }
    } finally {
      await browser.close();
    }
  });
});
