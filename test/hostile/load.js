/**
 * Loads one file of each kind under Node's permission model: node <flags> load.js <folder to read> <folder to write>
 * What is not allowed throws ERR_ACCESS_DENIED; what the permission model does not know, the network, is watched here.
 * Prints what was loaded, which codes the hostile files were refused with, and what should have been denied but was not.
 */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

const [input, output] = process.argv.slice(2);
const connections = [];
Socket.prototype.connect = (...target) => {
  connections.push(String(target));
  throw new Error("a connection was tried");
};
globalThis.fetch = (target) => {
  connections.push(String(target));
  throw new Error("a connection was tried");
};

const { loadModel, loadTrainingState, readNpy, readNpz, readRunJson, saveTrainingState, writeNpz } =
  await import("../../dist/index.js");
const { loadCifar10 } = await import("../../dist/data/cifar10.js");
const { loadMnist } = await import("../../dist/data/mnist.js");
const { readCaseFile } = await import("../../dist/verify/caseFile.js");

const at = (name) => join(input, name);
const pins = JSON.parse(await readFile(at("pins.json"), "utf8"));
const LOADS = {
  model: async () => {
    const model = await loadModel(at("model.safetensors"));
    const [shape] = model.graph.nodes.map(({ outputShape }) => outputShape);
    return model.predict(new Float32Array(shape.reduce((a, b) => a * b, 1)));
  },
  checkpoint: async () => {
    const { graph, state } = await loadTrainingState(at("checkpoint.safetensors"));
    await saveTrainingState(join(output, "checkpoint.safetensors"), graph, state);
  },
  case: () => readCaseFile(at("case.safetensors")),
  npy: () => readNpy(at("a.npy")),
  npz: async () => writeNpz(join(output, "a.npz"), await readNpz(at("a.npz"))),
  run: async () => readRunJson(at("run.json"), ""),
  cifar10: () => loadCifar10({ dataDir: at("cifar.tar.gz") }, pins.cifar10),
  mnist: () => loadMnist({ dataDir: at("mnist") }, pins.mnist),
};

const loaded = [];
for (const [name, load] of Object.entries(LOADS)) {
  await load();
  loaded.push(name);
}

/** Each names a program, a path or a URL. Were one followed, the error would be another: access denied, or a connection. */
const refused = {};
for (const name of JSON.parse(await readFile(at("hostile.json"), "utf8"))) {
  const load = name.endsWith(".tar")
    ? () => loadCifar10({ dataDir: at(name) }, pins.cifar10)
    : { npy: readNpy, npz: readNpz, safetensors: loadModel }[name.split(".").at(-1)].bind(
        undefined,
        at(name),
      );
  refused[name] = await load().then(
    () => "accepted",
    (error) => error.code ?? error.stack,
  );
}

/** That the permissions are on: without this, the rest would prove nothing. */
const DENIED = {
  read: () => readFile("/etc/passwd"),
  readBeside: () => readFile(at("../secret")),
  write: () => writeFile(at("new"), ""),
  child: async () => execFileSync(process.execPath, ["--version"]),
  worker: async () => new Worker("1", { eval: true }),
};
const allowed = [];
for (const [name, attempt] of Object.entries(DENIED)) {
  const code = await attempt().then(
    () => "none",
    (error) => error.code,
  );
  if (code !== "ERR_ACCESS_DENIED") allowed.push(`${name}: ${code}`);
}
process.stdout.write(JSON.stringify({ loaded, refused, allowed, connections }));
