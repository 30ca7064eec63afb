/** Runs studies of single algorithms: all, or those named: `npm run bench -- conv2d`. Node 20 reads no TypeScript; vite does.
 * Layers as they are, whole steps and peers: `cbapd bench`. */
import { runnerImport } from "vite";

const all = ["matmul", "conv2d", "winograd", "winogradRows"];
const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : all) {
  if (!all.includes(name)) throw new Error(`unknown benchmark "${name}"; there are ${all.join(", ")}`);
  console.log(`\n${name}`);
  await runnerImport(new URL(`./${name}.bench.ts`, import.meta.url).pathname);
}
