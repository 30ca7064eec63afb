/** Whole steps, each network in a process of its own. */
import { Contest } from "./contest.js";
import { median } from "./statistics.js";
import type { StepSettings } from "./stepSession.js";

export interface StepResult extends StepSettings {
  /** The median of the stretches' means. */
  readonly stepMs: number;
  readonly stepMsBest: number;
  readonly imagesPerSecond: number;
  /** Largest resident memory of the process, in 10⁶ bytes; its data are a few megabytes. */
  readonly peakRssMb: number;
}

const MEASURE_MS = 3000;
const WARM_UP_MS = 1000;

/** @throws CbapdError when other numbers of workers give other bits */
export async function benchStep(settings: StepSettings, measureMs = MEASURE_MS): Promise<StepResult> {
  const contest = await Contest.open(settings, Math.min(measureMs, WARM_UP_MS));
  try {
    const runner = await contest.start("cbapd");
    try {
      return stepResult(settings, await runner.measure(measureMs), await runner.close());
    } finally {
      runner.kill();
    }
  } finally {
    await contest.close();
  }
}

export function stepResult(settings: StepSettings, times: readonly number[], peakRssMb: number): StepResult {
  const { network, workers, batchSize, mode, fast } = settings;
  const stepMs = median(times);
  const imagesPerSecond = (1000 * batchSize) / stepMs;
  const stepMsBest = Math.min(...times);
  return {
    network,
    workers,
    batchSize,
    mode,
    ...(fast ? { fast } : {}),
    stepMs,
    stepMsBest,
    imagesPerSecond,
    peakRssMb,
  };
}
