/**
 * Parses command lines as the program would, without doing anything. In: a JSON list of lists of words on stdin. Out: for each its misuse, or
 * null. A command's file is found in the program's own table.
 */
import { readFileSync } from "node:fs";
import { Command } from "commander";

const cli = new URL("../../dist/cli/", import.meta.url);
const main = readFileSync(new URL("main.js", cli), "utf8");

async function misuse([name, ...words]) {
  if (name === undefined || name.startsWith("-")) return null; // cbapd --help, --version
  const entry = new RegExp(`name: "${name}"[^}]*?import\\("\\./([\\w-]+)\\.js"\\)\\)\\.(\\w+)`).exec(main);
  if (!entry) return "no such command";
  const module = await import(new URL(`${entry[1]}.js`, cli).href);
  const program = new Command("cbapd")
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} });
  const command = program.command(name).exitOverride();
  module[entry[2]](command);
  command.option("--verbose").action(() => {});
  try {
    await program.parseAsync([name, ...words], { from: "user" });
    return null;
  } catch (error) {
    return error.code === "commander.helpDisplayed" ? null : error.message;
  }
}

const results = [];
for (const words of JSON.parse(readFileSync(0, "utf8"))) results.push(await misuse(words));
process.stdout.write(JSON.stringify(results));
