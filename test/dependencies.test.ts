/** Few dependencies: each has its row and reason in docs/dependencies.md, is pinned by the lock file, and needs no install script. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
const manifest = JSON.parse(read("package.json"));
const lock = JSON.parse(read("package-lock.json"));
const page = read("docs/dependencies.md");

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly link?: boolean;
}
const packages = Object.entries(lock.packages as Record<string, Locked>).filter(([path]) => path !== "");

describe("dependencies", () => {
  it("those of package.json are those of the page, each with a reason", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    for (const row of rows) {
      const [, names, what, why] = row.split("|").map((cell) => cell.trim());
      expect(what.length, names).toBeGreaterThan(10);
      expect(why.length, names).toBeGreaterThan(10);
    }
    const named = rows.flatMap((row) =>
      [...row.split("|")[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    );
    const runtime = Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
      ...manifest.peerDependencies,
    });
    expect(named.map((name) => name.replace("…", "@tensorflow/tfjs")).sort()).toEqual(runtime.sort());
  });

  it("each development dependency is named on the page", () => {
    const missing = Object.keys(manifest.devDependencies).filter(
      (name) =>
        !name.startsWith("@types/") && !page.includes(`\`${name}\``) && !name.startsWith("@tensorflow/"),
    );
    expect(missing).toEqual([]);
  });

  it("the lock file pins every package by its checksum, and knows the same direct ones", () => {
    expect(packages.filter(([, { integrity, link }]) => !integrity && !link).map(([path]) => path)).toEqual(
      [],
    );
    for (const kind of ["dependencies", "optionalDependencies", "devDependencies"]) {
      expect(lock.packages[""][kind], kind).toEqual(manifest[kind]);
    }
    for (const name of Object.keys(manifest.dependencies)) {
      expect(lock.packages[`node_modules/${name}`]?.version, name).toMatch(/^\d+\.\d+\.\d+/);
    }
  });

  it("no package that users install has an install script, and neither has ours", () => {
    const scripts = packages.filter(
      ([, { hasInstallScript, dev, devOptional, peer }]) => hasInstallScript && !dev && !devOptional && !peer,
    );
    expect(scripts.map(([path]) => path)).toEqual([]);
    for (const name of ["preinstall", "install", "postinstall", "prepare"])
      expect(manifest.scripts[name]).toBeUndefined();
  });
});
