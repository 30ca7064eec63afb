#!/usr/bin/env node
/** The command line: parse, call the library, print. One file a command. */
import { Command, CommanderError } from "commander";
import { CbapdError } from "../errors.js";
import { version } from "./version.js";

const MISUSE = 2;
const FAILURE = 1;

const program = new Command("cbapd")
  .description("Train convolutional networks without a GPU, and prove every number.")
  .version(version())
  .option("--verbose", "show the stack trace of an error")
  .showSuggestionAfterError()
  .addHelpText("after", "\nExample:\n  $ cbapd train baseline")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text) });

/** A command's file is loaded when the command is called: help need not wait for the library. */
const COMMANDS: readonly {
  readonly name: string;
  readonly takes: string;
  readonly description: string;
  readonly load: () => Promise<(command: Command) => void>;
}[] = [
  {
    name: "train",
    takes: "<network>",
    description: "train a network; the same command again goes on where it stopped",
    load: async () => (await import("./train.js")).trainCommand,
  },
  {
    name: "recipe",
    takes: "[name]",
    description: "train by a documented recipe; further options are train's own",
    load: async () => (await import("./recipe.js")).recipeCommand,
  },
  {
    name: "sweep",
    takes: "<network>",
    description: "train with many settings, one run after another; further options are train's own",
    load: async () => (await import("./sweep.js")).sweepCommand,
  },
  {
    name: "runs",
    takes: "[folders...]",
    description: "list trained runs: network, best, last, seconds, seed, hash",
    load: async () => (await import("./runs.js")).runsCommand,
  },
  {
    name: "compare",
    takes: "<runs...>",
    description: "draw several runs' curves in one picture, and tell in what they differ",
    load: async () => (await import("./compare.js")).compareCommand,
  },
  {
    name: "report",
    takes: "<run>",
    description: "write a run's page: curves, confusion matrix, filters, gradients, command, hash",
    load: async () => (await import("./report.js")).reportCommand,
  },
  {
    name: "evaluate",
    takes: "<run>",
    description: "measure a trained network on a dataset's test part",
    load: async () => (await import("./evaluate.js")).evaluateCommand,
  },
  {
    name: "predict",
    takes: "<run> [images...]",
    description: "classify image files, or an image of a dataset, with a trained network",
    load: async () => (await import("./predict.js")).predictCommand,
  },
  {
    name: "summary",
    takes: "<network>",
    description: "show a network's layers, parameters, receptive fields and multiply-adds",
    load: async () => (await import("./summary.js")).summaryCommand,
  },
  {
    name: "data",
    takes: "<dataset>",
    description: "fetch, verify and describe a dataset, and show an image of it",
    load: async () => (await import("./data.js")).dataCommand,
  },
  {
    name: "verify",
    takes: "[what]",
    description: "run the chain of proof: central differences, the reference, and tfjs check every number",
    load: async () => (await import("./verify.js")).verifyCommand,
  },
  {
    name: "check",
    takes: "<case>",
    description: "hold your own layer's or network's numbers against ours: docs/check.md",
    load: async () => (await import("./check.js")).checkCommand,
  },
  {
    name: "export",
    takes: "<run>",
    description: "write a trained network for another tool: ONNX, tfjs, NumPy, safetensors, PyTorch, Keras",
    load: async () => (await import("./export.js")).exportCommand,
  },
  {
    name: "import",
    takes: "<file>",
    description: "read a model of tfjs or Keras, or weights, as a model file",
    load: async () => (await import("./import.js")).importCommand,
  },
  {
    name: "profile",
    takes: "<network>",
    description: "show where a training step's time goes, by layer, phase and kernel",
    load: async () => (await import("./profile.js")).profileCommand,
  },
  {
    name: "bench",
    takes: "[what] [network]",
    description: "time kernels, whole steps, and the same steps by PyTorch and tfjs",
    load: async () => (await import("./bench.js")).benchCommand,
  },
  {
    name: "lab",
    takes: "",
    description: "serve the browser lab on this machine: train, and see every number of the backward pass",
    load: async () => (await import("./lab.js")).labCommand,
  },
];
for (const { name, description } of COMMANDS) {
  program.command(name).description(description).exitOverride();
}
program
  .configureHelp({
    subcommandTerm: (command) => {
      const known = COMMANDS.find(({ name }) => name === command.name());
      return known ? `${known.name} [options] ${known.takes}`.trimEnd() : command.name();
    },
  })
  .hook("preSubcommand", async (_program, command) => {
    const load = COMMANDS.find(({ name }) => name === command.name())?.load;
    (await load?.())?.(command);
    command.option("--verbose", "show the stack trace of an error");
  });

// Whoever read the output has gone (`cbapd runs | head`): the work goes on, and so does what a training keeps.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** One line on stderr, and the exit code: 2 for misuse, 1 for failure. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSE; // commander has printed it
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const verbose = process.argv.includes("--verbose");
  const code = error instanceof CbapdError && error.code ? `\ncode: ${error.code}` : "";
  const cause =
    error instanceof Error && error.cause instanceof Error ? `\ncaused by: ${error.cause.stack}` : "";
  process.stderr.write(`error: ${verbose ? `${stack}${code}${cause}` : message}\n`);
  return error instanceof CbapdError ? error.exitCode : FAILURE;
}
