/** `cbapd import <file> --out model.safetensors`: another tool's model as a file that evaluate and predict take. */
import type { Command } from "commander";
import { importModel } from "../formats/index.js";
import { loadModel, type Model, models, OptionError, unknownName } from "../index.js";
import { positiveNumber, wholeNumber } from "./options.js";
import { modelFile } from "./runFolder.js";

interface ImportCommandOptions {
  readonly out?: string;
  readonly network?: string;
  readonly classes: number;
  readonly width: number;
  readonly json?: boolean;
}

export function importCommand(command: Command): void {
  command
    .argument(
      "<file>",
      "a model of tfjs or Keras, or weights as npz, safetensors or HDF5; known by its contents",
    )
    .option("--out <file.safetensors>", "where the model goes")
    .option(
      "--network <network>",
      `for weights alone: whose they are; ${models.names.join(", ")}, a run folder or a model file`,
    )
    .option("--classes <n>", "of a named network", wholeNumber("--classes"), 10)
    .option("--width <factor>", "of a named network", positiveNumber("--width"), 1)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  $ cbapd import model.keras --out model.safetensors\n  $ cbapd import weights.npz --network lenet5 --out lenet5.safetensors",
    );
  command.action(runImport);
}

async function runImport(path: string, options: ImportCommandOptions): Promise<void> {
  const { out } = options;
  if (!out?.endsWith(".safetensors")) {
    throw new OptionError(
      `import: --out must be a file whose name ends in .safetensors; got ${JSON.stringify(out ?? null)}.`,
    );
  }
  const network = options.network === undefined ? undefined : await namedNetwork(options.network, options);
  const { model, format, remarks } = await importModel(path, { network });
  await model.save(out);
  const parameters = model.countParams();
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file: path, format, model: out, parameters, remarks })}\n`);
    return;
  }
  for (const remark of remarks) process.stderr.write(`warning: ${remark}.\n`);
  process.stdout.write(
    `${path} (${format}): ${model.graph.nodes.length - 1} layers, ${parameters.toLocaleString("en")} parameters\n` +
      `Model: ${out}\n`,
  );
}

async function namedNetwork(name: string, { classes, width }: ImportCommandOptions): Promise<Model> {
  const known = models.names.find((network) => network === name);
  if (known) return models[known]({ classes, width });
  if (!/[/\\.]/.test(name)) throw new OptionError(unknownName("network", name, models.names));
  return loadModel(modelFile(name));
}
