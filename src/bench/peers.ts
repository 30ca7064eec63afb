/** The same step by others, in turns with ours: A B A B, so that a slow phase of the machine is everybody's. */
import { cpus } from "node:os";
import { fastCoreAvailable } from "#compile-core";
import { NETWORK_NAMES, type NetworkName } from "../models/networks.js";
import { CONTENDERS, type ContenderName } from "./contenders/contender.js";
import { Contest, findPython, type Runner } from "./contest.js";
import { median, type Spread, spread } from "./statistics.js";
import type { Mode, StepSettings } from "./stepSession.js";

/** Milliseconds a step, batch size 32, as the tutorial's author printed them. */
export const TUTORIAL_STEP_MS: Readonly<Partial<Record<NetworkName, number>>> = {
  baseline: 15,
  lenet5: 9,
  alexnet8: 212,
};

export interface PeerResult {
  readonly contender: ContenderName;
  readonly version: string;
  readonly stepMs: number;
  readonly stepMsBest: number;
  readonly imagesPerSecond: number;
  readonly peakRssMb: number;
  /** Our time over its time, turn by turn: below 1 we are faster. */
  readonly ratio: Spread;
}

export interface Comparison extends StepSettings {
  readonly results: readonly PeerResult[];
  /** Who could not run, and why. */
  readonly missing: readonly { readonly contender: ContenderName; readonly reason: string }[];
  /** Ours over the tutorial's, where it says one. */
  readonly tutorialRatio?: number;
}

export interface PeersReport {
  readonly date: string;
  readonly machine: Machine;
  readonly comparisons: readonly Comparison[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly platform: string;
}

export interface PeersOptions {
  readonly networks?: readonly NetworkName[];
  readonly workers?: readonly number[];
  readonly modes?: readonly Mode[];
  readonly contenders?: readonly ContenderName[];
  readonly batchSize?: number;
  /** Turns of each. */
  readonly rounds?: number;
  /** Of one turn; a step may take longer. */
  readonly turnMs?: number;
  /** Before each comparison. */
  readonly onStart?: (settings: StepSettings) => void;
}

/** tfjs on the plain cpu backend takes seconds a step: only where that is bearable. */
const CPU_NETWORKS: readonly NetworkName[] = ["baseline", "lenet5"];

export async function benchPeers(options: PeersOptions = {}): Promise<PeersReport> {
  const { networks = NETWORK_NAMES, workers = [1, 2], modes = ["training", "inference"] } = options;
  const python = await findPython();
  const comparisons: Comparison[] = [];
  for (const network of networks) {
    for (const mode of modes) {
      for (const count of workers) {
        const settings = { network, workers: count, batchSize: options.batchSize ?? 32, mode };
        options.onStart?.(settings);
        comparisons.push(await compareStep(settings, options, python));
      }
    }
  }
  return { date: new Date().toISOString(), machine: machine(), comparisons };
}

export function machine(): Machine {
  const [{ model }] = cpus();
  return {
    cpu: model,
    cores: cpus().length,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  };
}

/** Whether it is worth starting: threads of tfjs do not start in Node. */
function takesPart(contender: ContenderName, { network, workers, mode }: StepSettings): boolean {
  if (contender === "cbapd-fast") return fastCoreAvailable();
  if (contender === "cbapd" || contender === "pytorch") return true;
  if (workers > 1) return false;
  if (contender === "tfjs-cpu") return mode === "training" && CPU_NETWORKS.includes(network);
  return true;
}

async function compareStep(
  settings: StepSettings,
  { contenders = CONTENDERS, rounds = 3, turnMs = 1000 }: PeersOptions,
  python: string | undefined,
): Promise<Comparison> {
  const contest = await Contest.open(settings, turnMs);
  const runners: Runner[] = [];
  const missing: { contender: ContenderName; reason: string }[] = [];
  try {
    for (const contender of new Set<ContenderName>(["cbapd", ...contenders])) {
      if (!takesPart(contender, settings)) continue;
      try {
        runners.push(await contest.start(contender, python));
      } catch (error) {
        if (contender === "cbapd") throw error;
        missing.push({ contender, reason: (error as Error).message });
      }
    }
    const turns = new Map<ContenderName, number[][]>(runners.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const runner of runners) turns.get(runner.name)!.push([...(await runner.measure(turnMs))]);
    }
    const ours = turns.get("cbapd")!.map(median);
    const results: PeerResult[] = [];
    for (const runner of runners) {
      const theirs = turns.get(runner.name)!;
      const stepMs = median(theirs.map(median));
      results.push({
        contender: runner.name,
        version: runner.version,
        stepMs,
        stepMsBest: Math.min(...theirs.flat()),
        imagesPerSecond: (1000 * settings.batchSize) / stepMs,
        peakRssMb: await runner.close(),
        ratio: spread(theirs.map((turn, round) => ours[round] / median(turn))),
      });
    }
    const tutorial = settings.mode === "training" ? TUTORIAL_STEP_MS[settings.network] : undefined;
    const tutorialRatio = tutorial && settings.batchSize === 32 ? results[0].stepMs / tutorial : undefined;
    return { ...settings, results, missing, tutorialRatio };
  } finally {
    for (const runner of runners) runner.kill();
    await contest.close();
  }
}
