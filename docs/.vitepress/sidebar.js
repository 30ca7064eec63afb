/** The order of the pages. A page of docs/ that is in no group yet appears under "More". */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DOCS = fileURLToPath(new URL("..", import.meta.url));

const TUTORIAL = [
  "index",
  "receptive-field",
  "padding",
  "convolution",
  "batch-normalization",
  "pooling",
  "dropout",
  "baseline",
  "lenet",
  "alexnet",
  "vgg",
  "inception",
  "resnet",
];

const LAYERS = [
  "input",
  "conv2d",
  "batchNormalization",
  "activation",
  "leakyReLU",
  "maxPooling2d",
  "averagePooling2d",
  "globalAveragePooling2d",
  "dropout",
  "flatten",
  "dense",
  "add",
  "concatenate",
  "crossEntropy",
  "optimizer",
];

const GROUPS = {
  "First steps": ["start", "summary", "data", "package"],
  Everyday: ["tour", "training", "own-networks", "recipes", "watching", "formats", "lab", "command-line"],
  "Coming from": ["coming-from-keras", "coming-from-tfjs", "coming-from-pytorch"],
  Proof: ["determinism", "verify", "check", "oracles", "mutation", "reliability"],
  Inside: ["architecture", "winograd", "dependencies"],
  Figures: ["results", "speed"],
  Reference: ["errors"],
};

/** The page's own first heading. */
const titleOf = (file) => /^# (.+)$/m.exec(readFileSync(`${DOCS}${file}.md`, "utf8"))[1].replaceAll("`", "");
const item = (file) => ({ text: titleOf(file), link: `/${file}` });
const items = (files) => files.filter((file) => existsSync(`${DOCS}${file}.md`)).map(item);

function chapters(prefix) {
  return TUTORIAL.filter((name) => existsSync(`${DOCS}${prefix}tutorial/${name}.md`)).map((name) => ({
    text: titleOf(`${prefix}tutorial/${name}`),
    link: `/${prefix}tutorial/${name === "index" ? "" : name}`,
  }));
}

function more() {
  const known = new Set(["index", "README", ...Object.values(GROUPS).flat()]);
  const pages = readdirSync(DOCS)
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.slice(0, -3));
  return pages.filter((name) => !known.has(name)).sort();
}

export function sidebar(language) {
  if (language === "zh") {
    return [
      { text: "入门", items: items(["zh/start"]) },
      { text: "教程", items: chapters("zh/") },
    ];
  }
  const group = (text, collapsed) => ({ text, collapsed, items: items(GROUPS[text]) });
  const rest = items(more());
  return [
    group("First steps", false),
    { text: "Tutorial", collapsed: false, items: chapters("") },
    group("Everyday", false),
    group("Coming from", false),
    { text: "Layers", collapsed: true, items: items(LAYERS.map((name) => `layers/${name}`)) },
    group("Proof", true),
    group("Figures", true),
    group("Inside", true),
    {
      text: "Reference",
      collapsed: true,
      items: [{ text: "API", link: "/api/" }, ...items(GROUPS.Reference)],
    },
    ...(rest.length > 0 ? [{ text: "More", collapsed: true, items: rest }] : []),
  ];
}

export function nav(language) {
  return language === "zh"
    ? [
        { text: "五分钟入门", link: "/zh/start" },
        { text: "教程", link: "/zh/tutorial/" },
        { text: "API (English)", link: "/api/" },
      ]
    : [
        { text: "Start", link: "/start" },
        { text: "Tutorial", link: "/tutorial/" },
        { text: "Layers", link: "/layers/conv2d" },
        { text: "API", link: "/api/" },
      ];
}
