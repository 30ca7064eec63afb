import { defineConfig, mergeConfig } from "vitest/config";
import quick from "./vitest.config.js";

/**
 * The large figures of docs/reliability.md: `npm run test:soak -- <file>`. They take minutes to hours, and so can be had in
 * pieces: CBAPD_COUNT cases, drawn from CBAPD_SEED on (test/support/soak.ts).
 */
const config = mergeConfig(
  quick,
  defineConfig({
    test: {
      fileParallelism: false,
      testTimeout: 12 * 3_600_000,
      hookTimeout: 3_600_000,
      reporters: ["verbose"],
    },
  }),
);
config.test!.include = ["test/soak/*.soak.ts"]; // mergeConfig would add to the quick tests
export default config;
