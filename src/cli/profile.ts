/** `cbapd profile <network>`: one training step by layer, phase and kernel, and as a Chrome trace. */
import type { Command } from "commander";
import type { Profile } from "../bench/index.js";
import { models, OptionError, unknownName, writeFileAtomic } from "../index.js";
import { wholeNumber, withWorkers } from "./options.js";
import { digits, percent, table } from "./table.js";

interface Options {
  readonly workers: number;
  readonly batchSize: number;
  readonly steps?: number;
  readonly fast?: boolean;
  readonly trace?: string;
  readonly roofline?: string;
  readonly json?: boolean;
}

export function profileCommand(command: Command): void {
  command
    .argument("<network>", models.names.join(", "))
    .option("--steps <n>", "timed steps (default: two seconds of them)", wholeNumber("--steps"))
    .option("--fast", "with the fast core, which train --fast uses")
    .option("--trace <file>", "also write the last steps for chrome://tracing or ui.perfetto.dev")
    .option("--roofline <file>", "also draw each kernel against the machine's limits, as SVG and PNG")
    .option("--json", "print one JSON object");
  withWorkers(command)
    .addHelpText("after", "\nExample:\n  $ cbapd profile lenet5 --workers 2 --trace lenet5.json")
    .action(runProfile);
}

async function runProfile(network: string, options: Options): Promise<void> {
  const { workers, batchSize, steps, fast } = options;
  const name = models.names.find((known) => known === network);
  if (!name) throw new OptionError(unknownName("network", network, models.names));
  const { profileStep, chromeTrace, LimitMeter } = await import("../bench/index.js");
  const profile = await profileStep({ network: name, workers, batchSize, mode: "training", fast }, { steps });
  if (options.trace) await writeFileAtomic(options.trace, `${JSON.stringify(chromeTrace(profile))}\n`);
  const limits = (await LimitMeter.open()).measure();
  if (options.roofline) await (await import("./charts.js")).writeRoofline(options.roofline, profile, limits);
  const { trace: _, ...figures } = { ...profile, limits };
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : profileText(profile));
  if (options.json) return;
  process.stdout.write(
    `One core now: ${digits(limits.peakGflops)} GFLOP/s in registers, ${digits(limits.memoryGigabytesPerSecond)} GB/s from memory, ` +
      `${digits(limits.cacheGigabytesPerSecond)} GB/s from the cache.\n`,
  );
  if (options.trace) process.stdout.write(`Trace: ${options.trace}\n`);
  if (options.roofline) process.stdout.write(`Roofline: ${options.roofline}\n`);
}

function profileText(profile: Profile): string {
  const { network, workers, batchSize, steps, stepMs, stepMsUntimed } = profile;
  const costs = (
    cost: Profile["layers"][number] | Profile["kernels"][number] | Profile["phases"][number],
  ) => [
    digits(cost.ms),
    percent(cost.share),
    cost.flops > 0 ? digits(cost.gflops) : "",
    digits(cost.gigabytesPerSecond),
  ];
  const header = ["ms", "share", "GFLOP/s", "GB/s"];
  const rest = [
    ["kernels", digits(profile.kernelMs), percent(profile.kernelShare)],
    [
      "waiting for other workers' kernels",
      digits(profile.waitMs - profile.meetingMs),
      percent(profile.waitShare - profile.meetingShare),
    ],
    [`${profile.barriers} barriers`, digits(profile.meetingMs), percent(profile.meetingShare)],
    ["loop and clocks", digits(profile.loopMs), percent(profile.loopShare)],
    ["step", digits(stepMs), percent(1)],
  ];
  return [
    `${network}, ${workers} worker${workers > 1 ? "s" : ""}, batch size ${batchSize}: ${digits(stepMs)} ms a step with clocks, ` +
      `${digits(stepMsUntimed)} ms without; means over the middle half of ${steps} steps`,
    table(
      ["layer", "phase", ...header],
      profile.layers.map((cost) => [cost.layer, cost.phase, ...costs(cost)]),
      2,
    ),
    table(
      ["kernel", "calls", ...header],
      profile.kernels.map((cost) => [cost.kernel, String(cost.calls), ...costs(cost)]),
    ),
    table(
      ["phase", ...header],
      profile.phases.map((cost) => [cost.pass, ...costs(cost)]),
    ),
    table(["of the step", "ms", "share"], rest),
    "GFLOP/s count the operations of the direct form, so Winograd's may exceed the machine's peak; GB/s count each operand of a call once.\n",
  ].join("\n");
}
