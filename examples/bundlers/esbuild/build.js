/** esbuild leaves `new URL(…, import.meta.url)` as it is: the worker and the core must lie beside the bundle under their names. */
import { copyFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  entryPoints: { main: "main.js", "web-worker": "cbapd/web-worker" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  platform: "browser",
});
await copyFile(fileURLToPath(import.meta.resolve("cbapd/release.wasm")), "dist/release.wasm");
