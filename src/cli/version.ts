/** The package's version, from its own package.json. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export function version(): string {
  const path = createRequire(import.meta.url).resolve("cbapd/package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
