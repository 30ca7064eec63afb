import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import manifest from "./package.json" with { type: "json" };

/** Tests run what is in src/: what package.json's "imports" name is taken from there, too. */
const alias = Object.entries(manifest.imports).flatMap(([find, target]) =>
  typeof target === "string"
    ? []
    : [{ find, replacement: fileURLToPath(new URL(target["cbapd-source"], import.meta.url)) }],
);

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
