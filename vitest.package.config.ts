import { defineConfig, mergeConfig } from "vitest/config";
import quick from "./vitest.config.js";

/** The packed package, installed and used as others do. Minutes, and a registry. */
const config = mergeConfig(
  quick,
  defineConfig({ test: { testTimeout: 600_000, hookTimeout: 600_000, reporters: ["verbose"] } }),
);
config.test!.include = ["test/package/*.check.ts"]; // mergeConfig would add to the quick tests
export default config;
