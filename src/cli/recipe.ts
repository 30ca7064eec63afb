/** `cbapd recipe <name>`: train commands worth knowing by heart. A recipe is its command, and nothing besides. */
import type { Command } from "commander";
import { OptionError, unknownName } from "../index.js";
import { runTrainProcess } from "./trainProcess.js";

interface Recipe {
  readonly description: string;
  /** Arguments of `cbapd train`. */
  readonly train: readonly string[];
}

/** Why these settings: docs/recipes.md. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  "cifar10-fast": {
    description: "made for much validation accuracy on CIFAR-10 from about ten minutes on two cores",
    train: [
      "resnet18",
      ...["--data", "cifar10", "--width", "0.25", "--batch-size", "64", "--epochs", "7"],
      ...["--optimizer", "sgd", "--learning-rate", "0.1", "--momentum", "0.9", "--nesterov"],
      ...["--weight-decay", "0.005", "--exclude-from-weight-decay", "bias,gamma,beta"],
      ...["--schedule", "one-cycle", "--label-smoothing", "0.1", "--augment", "crop:4,flip"],
      ...["--run", "runs/cifar10-fast"],
    ],
  },
};

const NAMES = Object.keys(RECIPES);

export function recipeCommand(command: Command): void {
  command
    .argument("[name]", `${NAMES.join(", ")}; without one, lists them`)
    .argument("[options...]", "of train, such as --seed 1 or --run DIR")
    .option("--show", "only print the command")
    .option("--json", "print one JSON object a line")
    .allowUnknownOption()
    .addHelpText(
      "after",
      "\nExample:\n  $ cbapd recipe cifar10-fast\n  $ cbapd recipe cifar10-fast --seed 1 --run runs/second",
    )
    .action(runRecipe);
}

interface RecipeOptions {
  readonly show?: boolean;
  readonly json?: boolean;
}

async function runRecipe(
  name: string | undefined,
  extra: readonly string[],
  options: RecipeOptions,
): Promise<void> {
  if (name === undefined) {
    const list = NAMES.map((known) => ({
      name: known,
      ...RECIPES[known],
      command: commandLine(RECIPES[known].train),
    }));
    if (options.json) process.stdout.write(`${JSON.stringify({ recipes: list })}\n`);
    else
      for (const { name: known, description, command } of list)
        process.stdout.write(`${known}: ${description}\n  ${command}\n`);
    return;
  }
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (!recipe) throw new OptionError(unknownName("recipe", name, NAMES));
  // The last of two options is the one that counts.
  const args = [...recipe.train, ...extra, ...(options.json ? ["--json"] : [])];
  if (options.show || !options.json) process.stdout.write(`${commandLine(args)}\n`);
  if (options.show) return;
  const { exitCode } = await runTrainProcess(args);
  process.exitCode = exitCode;
}

function commandLine(args: readonly string[]): string {
  return ["cbapd", "train", ...args].join(" ");
}
