/** The library's faces: a page has the names that Node has, but for those that need files. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as inPages from "../src/browser.js";
import * as inNode from "../src/index.js";

const FILES = [
  "csvLogger",
  "cutLines",
  "jsonLogger",
  "loadKerasModel",
  "loadModel",
  "loadTrainingState",
  "lockFolder",
  "modelCheckpoint",
  "readNpy",
  "readNpz",
  "readRunJson",
  "saveModel",
  "saveTrainingState",
  "tensorBoard",
  "writeFileAtomic",
  "writeNpy",
  "writeNpz",
];
const DATASETS_FROM_FILES = [
  "DATASET_NAMES",
  "cacheDirectory",
  "cifar10",
  "cifar100",
  "describe",
  "folder",
  "idx",
  "imageFiles",
  "loadDataset",
  "mnist",
  "npz",
];

const names = (face: object) => Object.keys(face).sort();

describe("the library's faces", () => {
  it("a page has all names but those that need files", () => {
    expect(names(inPages)).toEqual(names(inNode).filter((name) => !FILES.includes(name)));
    expect(names(inNode)).toEqual(expect.arrayContaining(FILES));
  });

  it("and all datasets but those that come from files", () => {
    const all = names(inNode.datasets);
    expect(names(inPages.datasets)).toEqual(all.filter((name) => !DATASETS_FROM_FILES.includes(name)));
    expect(all).toEqual(expect.arrayContaining(DATASETS_FROM_FILES));
  });

  it.each([
    ["browser.js", ["zod"]],
    ["workers/web-worker.js", []],
    ["reference/index.js", []],
    ["formats/browser.js", []],
    ["verify/index.js", ["fast-check", "zod"]],
  ])("%s, as a page loads it, imports nothing of Node, and of others %j", (entry, others) => {
    expect([...new Set(importsOf(new URL(entry, dist)))].sort()).toEqual(others);
  });

  it("a worker of a page needs no names of package.json, which a page without a bundler could not give it", () => {
    const met = [...walk(new URL("workers/web-worker.js", dist))];
    expect(met.flatMap(({ imports }) => imports.filter((name) => !name.startsWith(".")))).toEqual([]);
  });
});

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** Packages, not our own files, that a built file and all that it imports asks for in a page. */
function importsOf(entry: URL): string[] {
  return [...walk(entry)].flatMap(({ imports }) => imports.filter((name) => !/^[.#]/.test(name)));
}

function* walk(
  entry: URL,
  seen = new Set<string>(),
): Generator<{ readonly url: URL; readonly imports: readonly string[] }> {
  if (seen.has(entry.href)) return;
  seen.add(entry.href);
  const code = readFileSync(entry, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const imports = Array.from(
    code.matchAll(/^(?:import|export)\s(?:[^"=(]*\sfrom\s)?"([^"]+)";|\bimport\("([^"]+)"\)/gm),
    ([, name, later]) => name ?? later,
  );
  yield { url: entry, imports };
  for (const name of imports) {
    if (name.startsWith("#")) yield* walk(new URL(`../${manifest.imports[name].browser}`, dist), seen);
    else if (name.startsWith(".")) yield* walk(new URL(name, entry), seen);
  }
}
