import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { offline } from "./offline.js";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));

/** The lab as static files in dist/lab: relative addresses, so that any host serves it from any folder. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [offline()],
  // The library as it is published: workers and the core lie where its URLs say. Types come from src/ (tsconfig.json).
  resolve: {
    alias: [
      { find: /^cbapd$/, replacement: `${dist}browser.js` },
      { find: /^cbapd\/internal\//, replacement: dist },
    ],
  },
  build: {
    outDir: "../dist/lab",
    emptyOutDir: true,
    target: "es2023",
    // The page's policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
