#!/usr/bin/env node
/** The command line: parse, call the library, print. One file a command. */
import { Command, CommanderError } from "commander";
import { CbapdError } from "../index.js";
import { checkCommand } from "./check.js";
import { dataCommand } from "./data.js";
import { evaluateCommand } from "./evaluate.js";
import { predictCommand } from "./predict.js";
import { recipeCommand } from "./recipe.js";
import { summaryCommand } from "./summary.js";
import { sweepCommand } from "./sweep.js";
import { trainCommand } from "./train.js";
import { verifyCommand } from "./verify.js";
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

const COMMANDS = [
  trainCommand,
  recipeCommand,
  sweepCommand,
  evaluateCommand,
  predictCommand,
  summaryCommand,
  dataCommand,
  verifyCommand,
  checkCommand,
];
for (const command of COMMANDS) command(program);
for (const command of program.commands) {
  command.exitOverride().option("--verbose", "show the stack trace of an error");
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
  process.stderr.write(`error: ${verbose ? stack : message}\n`);
  return error instanceof CbapdError ? error.exitCode : FAILURE;
}
