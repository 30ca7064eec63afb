/**
 * cbapd as documentation's commands call it when they are tested: small arguments are added to those of the page. CBAPD_DOC_QUICK replaces
 * what is added to commands that train.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const words = process.argv.slice(2);
const quick = process.env.CBAPD_DOC_QUICK;
const training = (quick || "--epochs 1 --limit 64 --limit-test 32").split(" ");
const has = (option) => words.some((word) => word === option || word.startsWith(`${option}=`));
const own = words[words.indexOf("--data") + 1] !== "cifar10" && (has("--data") || has("--data-dir"));
const shapes = own ? [] : ["--data", "shapes"];

/** The large networks are narrow unless the page says how wide they are. */
const heavy = words.some((word) => /^(alexnet8|vgg16|resnet18)$/.test(word));
const narrow = heavy && !has("--width") ? ["--width", "0.1"] : [];

const ADDED = {
  train: () => [...training, ...shapes, ...narrow],
  recipe: () => (words.length > 1 && !has("--show") ? [...training, ...shapes] : []),
  sweep: () => [...training, ...shapes, ...(has("--random") ? ["--random", "2"] : [])],
  evaluate: () => ["--limit-test", "32", "--limit", "32", ...shapes],
  predict: () => ["--limit-test", "32", "--limit", "32", ...shapes],
  verify: () => ["--cases", "2"],
  profile: () => ["--steps", "3"],
  // A step of the large networks takes tfjs half a minute.
  bench: () => ["--quick", ...(words[1] === "peers" && !has("--peers") ? ["--peers", "pytorch"] : [])],
};
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const help = has("--help") || has("-h");
const added = help ? [] : (ADDED[words[0]]?.() ?? []);
if (words[0] === "lab" && !help) serveBriefly();
else {
  const { status, signal } = spawnSync(process.execPath, [main, ...words, ...added], { stdio: "inherit" });
  process.exitCode = signal ? 1 : status;
}

/** The lab serves until Ctrl-C: which comes as soon as it says where it is. No browser is opened. */
function serveBriefly() {
  const args = words.filter((word) => word !== "--open");
  const server = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  server.stdout.on("data", (text) => {
    process.stdout.write(text);
    if (String(text).includes("http://")) server.kill("SIGINT");
  });
  server.on("close", (status, signal) => {
    process.exitCode = signal ? 1 : status;
  });
}
