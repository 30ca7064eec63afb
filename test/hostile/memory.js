/**
 * Reads each file of a folder, and prints how much memory that took at its highest: node --expose-gc memory.js <folder>
 * Linux only: /proc/self/clear_refs sets the high-water mark back.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../dist/data/archive.js";
import { readPng } from "../../dist/data/png.js";
import { readNpy } from "../../dist/formats/npy.js";
import { readNpz } from "../../dist/formats/npz.js";
import { readSafetensors } from "../../dist/formats/safetensors.js";
import { readModel } from "../../dist/train/checkpoint.js";
import { readRunJson } from "../../dist/train/runJson.js";

const READERS = {
  ".safetensors": readSafetensors,
  ".model": readModel,
  ".npy": readNpy,
  ".npz": readNpz,
  ".tar": (path) => readArchive(path, new Map([["data", { maximumBytes: 1 << 26 }]]), () => {}),
  ".png": async (path) => readPng(path, readFileSync(path), { width: 5, height: 4, channels: 3 }),
  ".json": async (path) => readRunJson(path, ""),
  // Shows that the measurement sees what it should: 64 MB, whatever the file.
  ".greedy": async () => new Uint8Array(64 << 20).fill(1),
};

const kilobytes = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"))[1]);
const folder = process.argv[2];

async function measure(name) {
  const path = join(folder, name);
  const read = READERS[name.slice(name.lastIndexOf("."))];
  globalThis.gc();
  writeFileSync("/proc/self/clear_refs", "5");
  const before = kilobytes("VmRSS");
  const code = await read(path).then(
    () => "accepted",
    (error) => error.code ?? error.stack,
  );
  return { name, code, fileBytes: statSync(path).size, usedBytes: (kilobytes("VmHWM") - before) * 1024 };
}

const names = readdirSync(folder).sort();
for (const name of names) if (statSync(join(folder, name)).size < 100_000) await measure(name); // warm up
const results = [];
for (const name of names) results.push(await measure(name));
process.stdout.write(JSON.stringify(results));
