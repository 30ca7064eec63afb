/** Several `cbapd train` in one process, which costs less to start than several: node trainTogether.js '[["lenet5", "--run", …], …]' */
import { Command } from "commander";
import { trainCommand } from "../../dist/cli/train.js";

await Promise.all(
  JSON.parse(process.argv[2]).map((args) => {
    const program = new Command();
    trainCommand(program.command("train"));
    return program.parseAsync(["train", ...args], { from: "user" });
  }),
);
