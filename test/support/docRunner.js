/**
 * Runs modules made of documentation's blocks, one after another, and tells what each printed or how it failed. Datasets are cut to a few
 * images of `shapes`, and training to two epochs: a page may show what a reader would write.
 * Usage: node docRunner.js <folder with jobs.json>
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [folder] = process.argv.slice(2);
const hooks = `
  export async function resolve(specifier, context, next) {
    if (specifier === "cbapd" && !context.parentURL?.endsWith("/docSmall.js")) return next(${JSON.stringify(
      new URL("docSmall.js", import.meta.url).href,
    )}, context);
    return next(specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const results = [];
for (const { name, file, scratch } of JSON.parse(readFileSync(join(folder, "jobs.json"), "utf8"))) {
  mkdirSync(scratch, { recursive: true });
  process.chdir(scratch);
  const lines = [];
  const log = console.log;
  console.log = (...values) => void lines.push(format(...values));
  let error;
  try {
    await import(pathToFileURL(file).href);
  } catch (thrown) {
    error = String(thrown?.stack ?? thrown);
  }
  console.log = log;
  results.push({ name, output: lines.join("\n"), error });
}
writeFileSync(join(folder, "results.json"), JSON.stringify(results));
process.exit(0);
