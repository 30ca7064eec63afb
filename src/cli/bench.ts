/** `cbapd bench [what] [network]`: kernels, whole steps, peers. */
import { join } from "node:path";
import type { Command } from "commander";
import type {
  Comparison,
  ContenderName,
  KernelReport,
  KernelResult,
  Mode,
  PeersReport,
  StepResult,
  StepSettings,
} from "../bench/index.js";
import { models, type NetworkName, OptionError, unknownName, writeFileAtomic } from "../index.js";
import { choice, wholeNumber } from "./options.js";
import { digits, percent, table } from "./table.js";

const WHAT = ["kernels", "step", "peers"] as const;
type What = (typeof WHAT)[number];

interface Options {
  readonly workers?: number;
  readonly batchSize?: number;
  readonly mode?: Mode;
  readonly fast?: boolean;
  readonly filter?: string;
  readonly peers?: string;
  readonly rounds: number;
  readonly quick?: boolean;
  readonly out?: string;
  readonly markdown?: boolean;
  readonly json?: boolean;
}

/** What `--quick` leaves out of its minute. */
const QUICK_NETWORKS: readonly NetworkName[] = ["baseline", "lenet5"];
const QUICK_MS = 400;
const QUICK_KERNEL_MS = 20;

export function benchCommand(command: Command): void {
  command
    .argument("[what]", `${WHAT.join(", ")}; everything when left out`)
    .argument("[network]", `${models.names.join(", ")}; all when left out`)
    .option("--workers <n>", "threads (default: 1 and 2)", wholeNumber("--workers"))
    .option(
      "--batch-size <n>",
      "images in a step (default: 32; step: 32 and 128)",
      wholeNumber("--batch-size"),
    )
    .option(
      "--mode <mode>",
      "training or inference (default: training; peers: both)",
      choice<Mode>("--mode", ["training", "inference"]),
    )
    .option("--fast", "step: with the fast core, which train --fast uses")
    .option("--filter <text>", "kernels: only those with this text in their line")
    .option("--peers <names>", "peers: only these, with commas: cbapd-fast,pytorch,tfjs-wasm,tfjs-cpu")
    .option("--rounds <n>", "peers: turns of each", wholeNumber("--rounds"), 3)
    .option("--quick", "the essentials, in less than a minute")
    .option("--out <folder>", "also write bench.json, and the chart of the peers as SVG and PNG, into it")
    .option("--markdown", "print the tables as Markdown")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  $ cbapd bench step lenet5 --workers 1 --batch-size 32\n  $ cbapd bench --quick\n\n" +
        "PyTorch takes part when python3 (or CBAPD_PYTHON) can import torch; tfjs when it is installed.",
    )
    .action(runBench);
}

async function runBench(
  what: string | undefined,
  network: string | undefined,
  options: Options,
): Promise<void> {
  const chosen = what === undefined ? WHAT : [choice<What>("bench", WHAT)(what)];
  const networks = networksOf(network, options);
  const report: { kernels?: KernelReport; steps?: StepReport[]; peers?: PeersReport } = {};
  if (chosen.includes("kernels")) report.kernels = await benchKernels(networks, options);
  if (chosen.includes("step")) report.steps = await benchSteps(networks, network !== undefined, options);
  if (chosen.includes("peers")) report.peers = await benchPeers(networks, options);

  const [only, ...others] = report.steps ?? [];
  const oneStep = what === "step" && others.length === 0 ? only : undefined;
  const part = what === "kernels" ? report.kernels : what === "peers" ? report.peers : oneStep;
  const result = part ?? report;
  if (options.out) {
    await writeFileAtomic(join(options.out, "bench.json"), `${JSON.stringify(result)}\n`);
    if (report.peers) {
      const { writePeers } = await import("./charts.js");
      await writePeers(join(options.out, "peers.svg"), report.peers.comparisons);
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (options.out) process.stdout.write(`Written: ${options.out}\n`);
}

function networksOf(network: string | undefined, { quick }: Options): readonly NetworkName[] {
  if (network === undefined) return quick ? QUICK_NETWORKS : models.names;
  const found = models.names.find((name) => name === network);
  if (!found) throw new OptionError(unknownName("network", network, models.names));
  return [found];
}

/** Tables appear when they are complete, and say on stderr meanwhile what is being measured. */
function teller({ json }: Options): { say(text: string): void; note(text: string): void } {
  return {
    say: (text) => void (json || process.stdout.write(`${text}\n`)),
    note: (text) => void (process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}`)),
  };
}

async function benchKernels(networks: readonly NetworkName[], options: Options): Promise<KernelReport> {
  const bench = await import("../bench/index.js");
  const { say, note } = teller(options);
  const report = await bench.benchKernels({
    networks,
    filter: options.filter,
    batchSize: options.batchSize ?? 32,
    measureMs: options.quick ? QUICK_KERNEL_MS : undefined,
    onResult: ({ network, layer, kernel }) => note(`${network}: ${layer} ${kernel}`),
  });
  note("");
  const { peakGflops, memoryGigabytesPerSecond, cacheGigabytesPerSecond } = report.limits;
  const row = (result: KernelResult) => [
    result.network,
    result.layer,
    result.kernel,
    result.pass,
    digits(result.ms),
    result.gflops > 0 ? digits(result.gflops) : "",
    result.gflops > 0 ? percent(result.shareOfPeak) : "",
    digits(result.gigabytesPerSecond),
    percent(result.shareOfBandwidth),
  ];
  say(
    `Kernels, one core, batch size ${report.batchSize}; ${report.checked} layers checked against the reference before timing.\n` +
      `Peak ${digits(peakGflops)} GFLOP/s in registers; ${digits(memoryGigabytesPerSecond)} GB/s from memory, ${digits(cacheGigabytesPerSecond)} GB/s from the cache.\n`,
  );
  const header = ["network", "layer", "kernel", "pass", "ms", "GFLOP/s", "of peak", "GB/s", "of memory's"];
  say(table(header, report.results.map(row), 4, options.markdown));
  return report;
}

interface StepReport extends StepResult {
  /** Shares of the step by phase, and what is not kernels; for training. */
  readonly phases?: Readonly<Record<string, number>>;
  readonly layers?: readonly {
    readonly layer: string;
    readonly phase: string;
    readonly share: number;
    readonly bytes: number;
  }[];
  /** Of all kernels' operands in a step. */
  readonly bytesTouched?: number;
  /** Weights, gradients, slots, activations and the made-up data. */
  readonly memoryBytes?: number;
}

async function benchSteps(
  networks: readonly NetworkName[],
  single: boolean,
  options: Options,
): Promise<StepReport[]> {
  const { benchStep, profileStep } = await import("../bench/index.js");
  const { say, note } = teller(options);
  const { mode = "training", quick, fast } = options;
  const workers = options.workers ? [options.workers] : [1, 2];
  const sizes = options.batchSize ? [options.batchSize] : quick || single ? [32] : [32, 128];
  const reports: StepReport[] = [];
  for (const network of networks) {
    for (const batchSize of sizes) {
      for (const count of workers) {
        const settings: StepSettings = { network, workers: count, batchSize, mode, fast };
        note(`${network}, ${count} workers, batch size ${batchSize}`);
        const result = await benchStep(settings, quick ? QUICK_MS : undefined);
        // A step asked for by name is one measurement, and a fast one; the table shows where the time goes as well.
        const details =
          mode === "training" && !quick && !single ? stepDetails(await profileStep(settings)) : {};
        reports.push({ ...result, ...details });
      }
    }
  }
  note("");
  const phases = ["forward", "backward", "update", "not kernels"];
  const detailed = reports.some((report) => report.phases);
  const header = ["network", "mode", "workers", "batch", "ms", "best", "images/s", "peak MB"];
  const row = (report: StepReport) => [
    report.network,
    report.mode,
    String(report.workers),
    String(report.batchSize),
    digits(report.stepMs),
    digits(report.stepMsBest),
    report.imagesPerSecond.toFixed(0),
    report.peakRssMb.toFixed(0),
    ...(detailed ? phases.map((phase) => percent(report.phases?.[phase] ?? 0)) : []),
    ...(detailed ? [((report.bytesTouched ?? 0) / 1e6).toFixed(0)] : []),
  ];
  const columns = detailed ? [...header, ...phases, "MB touched"] : header;
  say(table(columns, reports.map(row), 2, options.markdown));
  return reports;
}

function stepDetails(profile: import("../bench/index.js").Profile): Partial<StepReport> {
  const share = (phase: string) =>
    profile.layers.reduce((sum, cost) => sum + ((cost.phase || cost.layer) === phase ? cost.share : 0), 0);
  return {
    phases: {
      forward: share("forward"),
      backward: share("backward"),
      update: share("update"),
      "not kernels": profile.waitShare + profile.loopShare,
    },
    layers: profile.layers.map(({ layer, phase, share, bytes }) => ({ layer, phase, share, bytes })),
    bytesTouched: profile.layers.reduce((sum, { bytes }) => sum + bytes, 0),
    memoryBytes: profile.memoryBytes,
  };
}

async function benchPeers(networks: readonly NetworkName[], options: Options): Promise<PeersReport> {
  const bench = await import("../bench/index.js");
  const { say, note } = teller(options);
  const { mode, quick, rounds, peers, batchSize } = options;
  const contenders = peers
    ?.split(",")
    .map((name) => choice<ContenderName>("--peers", bench.CONTENDERS)(name.trim()));
  const report = await bench.benchPeers({
    networks,
    workers: options.workers ? [options.workers] : quick ? [1] : [1, 2],
    modes: mode ? [mode] : quick ? ["training"] : ["training", "inference"],
    contenders: contenders ?? (quick ? ["pytorch"] : undefined),
    batchSize,
    rounds,
    turnMs: quick ? QUICK_MS : undefined,
    onStart: ({ network, mode, workers }) => note(`${network}, ${mode}, ${workers} workers`),
  });
  note("");
  const { cpu, cores, node } = report.machine;
  say(
    `${cpu}, ${cores} cores, Node ${node}, ${report.date.slice(0, 10)}. Ratios: our time over theirs, and their spread over the turns.\n`,
  );
  say(table(PEER_HEADER, report.comparisons.flatMap(peerRows), 4, options.markdown));
  for (const [contender, reason] of new Map(
    report.comparisons.flatMap(({ missing }) =>
      missing.map((each) => [each.contender, each.reason] as const),
    ),
  )) {
    say(`${contender} did not take part: ${reason}`);
  }
  return report;
}

const PEER_HEADER = [
  "network",
  "mode",
  "who",
  "version",
  "threads",
  "ms",
  "best",
  "images/s",
  "peak MB",
  "ours / theirs",
  "spread",
  "ours / tutorial",
];

function peerRows({ network, mode, workers, results, tutorialRatio }: Comparison): string[][] {
  return results.map((result) => {
    const us = result.contender === "cbapd";
    const { median, low, high } = result.ratio;
    return [
      network,
      mode,
      result.contender,
      result.version,
      String(workers),
      digits(result.stepMs),
      digits(result.stepMsBest),
      result.imagesPerSecond.toFixed(0),
      result.peakRssMb.toFixed(0),
      us ? "" : digits(median),
      us ? "" : `${digits(low)}–${digits(high)}`,
      us && tutorialRatio !== undefined ? digits(tutorialRatio) : "",
    ];
  });
}
