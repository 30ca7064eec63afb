/** `cbapd verify [layer or network]`: the chain of proof, live. */
import type { Command } from "commander";
import type { LinkReport } from "../verify/index.js";
import { wholeNumber } from "./options.js";

interface Options {
  readonly cases: number;
  readonly networkCases: number;
  readonly seed: number;
  readonly fast?: boolean;
  readonly json?: boolean;
}

const CHECKED_BY: Readonly<Record<LinkReport["link"], string>> = {
  differences: "reference by central differences",
  reference: "wasm by the reference",
  tfjs: "both by tfjs",
};

export function verifyCommand(command: Command): void {
  command
    .argument("[what]", "all, a layer (conv2d, batchNormalization, …) or a network (resnet18, …)", "all")
    .option("--cases <n>", "random cases a layer", wholeNumber("--cases"), 100)
    .option("--network-cases <n>", "random cases a network", wholeNumber("--network-cases"), 1)
    .option("--seed <n>", "of the random cases", wholeNumber("--seed", 0), 0)
    .option("--fast", "prove the fast core, which train --fast uses")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd verify conv2d --cases 1000")
    .action(runVerify);
}

async function runVerify(what: string, { json, ...options }: Options): Promise<void> {
  const { verify } = await import("../verify/index.js"); // it loads fast-check, which no other command needs
  if (!json)
    process.stdout.write(`${row(["layer", "checked", "cases", "worst error", "tolerance", "in", ""])}\n`);
  const onReport = json
    ? undefined
    : (report: LinkReport) => void process.stdout.write(`${reportRow(report)}\n`);
  const verification = await verify(what, { ...options, onReport });
  if (json) {
    process.stdout.write(`${JSON.stringify(verification)}\n`);
  } else {
    const { reports, tfjs } = verification;
    for (const report of reports) if (report.failure) process.stdout.write(failureText(report));
    if (!tfjs) {
      process.stdout.write(
        "tfjs is not installed, so its link is missing: npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm\n",
      );
    }
    const failed = reports.filter(({ failure }) => failure).length;
    const foreign = tfjs ? `; tfjs ${tfjs}` : "";
    process.stdout.write(`${reports.length - failed} of ${reports.length} links hold${foreign}\n`);
  }
  if (!verification.ok) process.exitCode = 1;
}

function reportRow({ layer, link, cases, worst, failure }: LinkReport): string {
  const exact = ["exact", "", ""];
  const error = worst
    ? [worst.error.toExponential(1), worst.tolerance.toExponential(1), worst.tensor]
    : exact;
  return row([layer, CHECKED_BY[link], String(cases), ...error, failure ? "FAILED" : "ok"]);
}

function failureText({ layer, link, failure }: LinkReport): string {
  if (!failure) return "";
  const again = failure.path ? ` (fast-check seed ${failure.seed}, path ${failure.path})` : "";
  return `\n${layer}, ${CHECKED_BY[link]}: ${failure.message}\n  smallest case: ${failure.counterexample}${again}\n`;
}

const WIDTHS = [22, 32, 5, 11, 9, 38];

function row(cells: readonly string[]): string {
  const padded = cells.map((cell, i) => {
    const isNumber = i >= 2 && i <= 4;
    return isNumber ? cell.padStart(WIDTHS[i]) : cell.padEnd(WIDTHS[i] ?? 0);
  });
  return padded.join("  ").trimEnd();
}
