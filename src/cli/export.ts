/** `cbapd export <run> --to <format>`: a trained network in another tool's format. */
import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import {
  EXPORT_FORMATS,
  EXPORTS,
  type ExportFormat,
  type ExportOptions,
  exportModel,
} from "../formats/index.js";
import { loadModel, OptionError } from "../index.js";
import { choice } from "./options.js";
import { modelFile } from "./runFolder.js";
import { table } from "./table.js";

interface ExportCommandOptions {
  readonly to?: ExportFormat;
  readonly out?: string;
  readonly fold?: boolean;
  readonly layout?: "nhwc" | "nchw";
  readonly compressed?: boolean;
  readonly weightsOnly?: boolean;
  readonly json?: boolean;
}

const FLAGS = {
  fold: "--fold",
  layout: "--layout",
  compressed: "--compressed",
  weightsOnly: "--weights-only",
} as const;

export function exportCommand(command: Command): void {
  command
    .argument("<run>", "a run folder (its best weights) or a .safetensors file")
    .option("--to <format>", EXPORT_FORMATS.join(", "), choice("--to", EXPORT_FORMATS))
    .option("--out <path>", "the file, or for tfjs the folder (default: named after the network)")
    .option("--fold", "onnx: fold batch normalisation into the layer before it")
    .option(
      "--layout <order>",
      "onnx: images as nhwc (default) or nchw",
      choice("--layout", ["nhwc", "nchw"]),
    )
    .option("--compressed", "npz: deflated")
    .option("--weights-only", "safetensors: without the network's description")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  $ cbapd export runs/lenet5 --to onnx --out lenet5.onnx --fold\n  $ cbapd export runs/lenet5 --to tfjs --out public/lenet5",
    );
  command.action(runExport);
}

async function runExport(path: string, options: ExportCommandOptions): Promise<void> {
  const { to } = options;
  if (!to) throw new OptionError(`export: --to must be given: one of ${EXPORT_FORMATS.join(", ")}.`);
  const given: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(FLAGS) as [keyof typeof FLAGS, string][]) {
    if (options[name] === undefined) continue;
    if (!EXPORTS[to].options.includes(name)) throw new OptionError(`export: ${flag} is no option of ${to}.`);
    given[name] = options[name];
  }
  const file = modelFile(path);
  const model = await loadModel(file);
  const { suffix } = EXPORTS[to];
  const stem = suffix === ".py" ? `${model.name}_${to}` : model.name;
  const out = options.out ?? (suffix === "" ? `${model.name}-${to}` : `${stem}${suffix}`);
  if (suffix !== "" && !out.endsWith(suffix)) {
    throw new OptionError(`export: --out must end in ${suffix}; got ${JSON.stringify(out)}.`);
  }
  if (resolve(out) === resolve(file))
    throw new OptionError(`export: --out must not be the model itself, ${file}.`);
  const files = await exportModel(model, to, out, given as ExportOptions);
  const sizes = files.map((name) => ({ file: name, bytes: statSync(name).size }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ model: file, to, files: sizes })}\n`);
    return;
  }
  const rows = sizes.map(({ file: name, bytes }) => [name, bytes.toLocaleString("en")]);
  process.stdout.write(`${table(["File", "Bytes"], rows)}\n${USES[to](files[0])}\n`);
}

/** How the file is opened, to copy. */
const USES: Readonly<Record<ExportFormat, (file: string) => string>> = {
  onnx: (file) =>
    `In Python:\n  session = onnxruntime.InferenceSession(${JSON.stringify(file)})\n  y, = session.run(None, {session.get_inputs()[0].name: x})`,
  tfjs: (file) => `In a page:\n  const net = await tf.loadLayersModel("…/${file.split(/[\\/]/).pop()}");`,
  npz: (file) => `In Python:\n  weights = numpy.load(${JSON.stringify(file)})`,
  pytorch: (file) => `In Python:\n  from ${stem(file)} import load\n  net = load()\n  y = net(x)`,
  keras: (file) => `In Python:\n  from ${stem(file)} import load\n  net = load()\n  y = net.predict(x)`,
  safetensors: (file) => `In Python:\n  weights = safetensors.numpy.load_file(${JSON.stringify(file)})`,
};

const stem = (file: string): string => basename(file, ".py");
