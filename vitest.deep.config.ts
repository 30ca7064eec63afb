import { defineConfig, mergeConfig } from "vitest/config";
import quick from "./vitest.config.js";

/** The property tests alone, each layer and law on at least 2,000 random cases. */
export default mergeConfig(
  quick,
  defineConfig({
    test: {
      testTimeout: 3_600_000,
      env: { CBAPD_CASES: process.env.CBAPD_CASES ?? "2000" },
    },
  }),
);
