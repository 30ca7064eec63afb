/** `cbapd check <case.safetensors>`: somebody else's numbers against ours. */
import { styleText } from "node:util";
import type { Command } from "commander";
import { OptionError } from "../index.js";
import type { BackendName, CheckReport, Comparison, TensorReport } from "../verify/index.js";
import { choice, positiveNumber } from "./options.js";

const BACKENDS = ["both", "reference", "wasm"] as const;

interface CheckCommandOptions {
  readonly backend: (typeof BACKENDS)[number];
  readonly tolerance?: number;
  readonly diagnosis: boolean;
  readonly json?: boolean;
}

export function checkCommand(command: Command): void {
  command
    .argument("<case>", "a .safetensors file with inputs, weights and your results")
    .option(
      "--backend <name>",
      "both, reference (float64, slow) or wasm",
      choice("--backend", BACKENDS),
      "both",
    )
    .option(
      "--tolerance <t>",
      "relative to each tensor's largest element; default: derived, as docs/check.md says",
      positiveNumber("--tolerance"),
    )
    .option("--no-diagnosis", "do not look for the mistake when something is wrong")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ cbapd check conv2d.safetensors")
    .action(runCheck);
}

async function runCheck(path: string, options: CheckCommandOptions): Promise<void> {
  if (!path.endsWith(".safetensors")) {
    throw new OptionError(`check: the case must be a .safetensors file; got ${JSON.stringify(path)}.`);
  }
  const { checkCase, readCaseFile } = await import("../verify/index.js"); // it loads what no other command needs
  const file = await readCaseFile(path);
  const backends: readonly BackendName[] =
    options.backend === "both" ? ["reference", "wasm"] : [options.backend];
  const progress = progressLine();
  const report = await checkCase(file, {
    backends,
    tolerance: options.tolerance,
    diagnosis: options.diagnosis,
    onProgress: progress.report,
  });
  progress.stop();
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report, backends));
  if (!report.ok) process.exitCode = 1;
}

/** On stderr, and only for what takes longer than a second. */
function progressLine(): { report(what: string, done: number, total: number): void; stop(): void } {
  const INTERVAL_MS = 1000;
  const terminal = process.stderr.isTTY === true;
  let last = Date.now();
  let shown = false;
  return {
    report(what, done, total) {
      if (Date.now() - last < INTERVAL_MS * (terminal ? 1 : 10)) return;
      last = Date.now();
      shown = terminal;
      process.stderr.write(
        `${terminal ? "\r\x1b[K" : ""}${what}: ${done} of ${total}${terminal ? "" : "\n"}`,
      );
    },
    stop() {
      if (shown) process.stderr.write("\r\x1b[K");
    },
  };
}

function reportText(report: CheckReport, backends: readonly BackendName[]): string {
  const columns = [
    "tensor",
    "shape",
    ...backends.flatMap((name) => [`${name}: relative`, "absolute", "norm"]),
    "worst at",
    "yours",
    "ours",
    "verdict",
  ];
  const rows = report.tensors.map((tensor) => rowOf(tensor, backends));
  const widths = columns.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join("  ")
      .trimEnd();
  const body = report.tensors.map((tensor, i) => {
    const text = line(rows[i]);
    return isWrong(tensor) ? styleText("red", text) : text;
  });
  return `${[report.title, "", styleText("bold", line(columns)), ...body, "", ...conclusion(report)].join("\n")}\n`;
}

function isWrong({ comparisons }: TensorReport): boolean {
  return Object.values(comparisons).some(({ verdict }) => verdict === "wrong");
}

function rowOf({ name, shape, comparisons }: TensorReport, backends: readonly BackendName[]): string[] {
  const numbers = backends.flatMap((backend) => {
    const comparison = comparisons[backend];
    if (!comparison || comparison.verdict === "left out") return ["-", "-", "-"];
    return [comparison.relative, comparison.absolute, comparison.norm].map((error) => error.toExponential(1));
  });
  const compared = backends.flatMap((backend) => comparisons[backend] ?? []);
  const shown = compared.find(({ verdict }) => verdict === "wrong") ?? compared[0];
  const at =
    shown.verdict === "left out"
      ? ["-", "-", "-"]
      : [`[${shown.index.join(", ")}]`, digits(shown.theirs), digits(shown.ours)];
  return [name, `[${shape.join(", ")}]`, ...numbers, ...at, verdictText(comparisons, backends)];
}

/** As many as float32 has, and then some. */
const digits = (value: number): string => value.toPrecision(9);

/** `ok`, `WRONG`, or what each backend says when they disagree. */
function verdictText(comparisons: TensorReport["comparisons"], backends: readonly BackendName[]): string {
  const texts = backends.flatMap((backend) => {
    const comparison = comparisons[backend];
    return comparison ? [{ backend, text: oneVerdict(comparison) }] : [];
  });
  const [first, ...others] = texts;
  const remark = Object.values(comparisons)[0].remark;
  const suffix = remark ? `: ${remark}` : "";
  if (others.every(({ text }) => text === first.text)) return first.text + suffix;
  return texts.map(({ backend, text }) => `${backend} ${text}`).join(", ") + suffix;
}

function oneVerdict({ verdict }: Comparison): string {
  if (verdict === "wrong") return "WRONG";
  return verdict === "norm" ? "ok by norm" : verdict;
}

function conclusion({ tensors, firstWrong, unitsNearKinks, findings, ok }: CheckReport): string[] {
  const lines: string[] = [];
  const byNorm = tensors.some(({ comparisons }) =>
    Object.values(comparisons).some(({ verdict }) => verdict === "norm"),
  );
  if (byNorm) {
    const count = unitsNearKinks === undefined ? "Units" : `${unitsNearKinks} units`;
    lines.push(
      `${count} may lie within float32 error of a kink of relu or a tie of max pooling: "ok by norm" judges the tensor as a whole.`,
    );
  }
  if (ok) return [...lines, `All ${tensors.length} tensors agree.`];
  for (const [phase, name] of Object.entries(firstWrong))
    lines.push(`First wrong in ${phase} order: ${name}`);
  const wrong = tensors.filter(isWrong);
  lines.push(`${wrong.length} of ${tensors.length} tensors differ.`);
  if (
    !wrong.some(({ comparisons }) => comparisons.reference?.verdict === "wrong") &&
    wrong[0].comparisons.reference
  ) {
    lines.push(
      "All agree with the float64 reference: only our float32 kernels differ, and your numbers are right.",
    );
  }
  if (findings?.length === 0) lines.push("None of the known mistakes gives these numbers.");
  for (const { name, explanation } of findings ?? []) lines.push(`Likely mistake: ${name}. ${explanation}`);
  return lines;
}
