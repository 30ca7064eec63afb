/** Where a step's time goes: by layer and phase, by kernel, and what is not kernels at all. */
import type { Call, Program } from "../backend/wasm/program.js";
import { createTimeline, readStep, type StepTimes, type Timeline } from "../workers/timeline.js";
import { median, sum } from "./statistics.js";
import { openStepSession, type StepSettings, stretchOf } from "./stepSession.js";

/** What a set of kernel calls costs: milliseconds of a step, the mean over the workers. */
export interface Cost {
  readonly ms: number;
  /** Of the step. */
  readonly share: number;
  /** Of the direct products, 0 where there are none. */
  readonly flops: number;
  /** Of all operands, each counted once for each call. */
  readonly bytes: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
}

export interface LayerCost extends Cost {
  /** A node's name; `batch`, `loss` or `update` for what is no layer. */
  readonly layer: string;
  readonly phase: "forward" | "backward" | "";
}

export interface KernelCost extends Cost {
  readonly kernel: string;
  readonly calls: number;
}

export interface PassCost extends Cost {
  readonly pass: string;
}

export interface Profile extends StepSettings {
  readonly steps: number;
  /** The mean over the steps that are shown: the parts below add up to it. */
  readonly stepMs: number;
  /** Per step, without clocks: what the clocks themselves cost is the difference. */
  readonly stepMsUntimed: number;
  readonly layers: readonly LayerCost[];
  readonly kernels: readonly KernelCost[];
  readonly phases: readonly PassCost[];
  readonly kernelMs: number;
  readonly kernelShare: number;
  /** At barriers, the meetings included: the rest is waiting for workers who still compute. */
  readonly waitMs: number;
  readonly waitShare: number;
  /** What barriers take even of a worker who comes last. */
  readonly meetingMs: number;
  readonly meetingShare: number;
  /** Between calls: the loop over them, the clocks. */
  readonly loopMs: number;
  readonly loopShare: number;
  readonly barriers: number;
  readonly memoryBytes: number;
  readonly trace: Trace;
}

/** The times of the last few steps, for the Chrome trace. */
export interface Trace {
  readonly calls: readonly Call[];
  /** [step][worker] */
  readonly steps: readonly (readonly StepTimes[])[];
}

export interface ProfileOptions {
  /** Timed steps; by default what fits into two seconds, 5 at least. */
  readonly steps?: number;
  /** Steps before them, until the engine has compiled the kernels well. */
  readonly warmUpMs?: number; // 1000
}

const TIMED_MS = 2000;
const LEAST_STEPS = 5;
const MOST_STEPS = 400;
/** The engine compiles kernels well only after some calls. */
const WARM_UP_MS = 1000;
const TRACED_STEPS = 5;

export async function profileStep(settings: StepSettings, options: ProfileOptions = {}): Promise<Profile> {
  const { warmUpMs = WARM_UP_MS } = options;
  const untimed = await openStepSession(settings);
  let stepMsUntimed: number;
  try {
    const stretch = await warmUp((steps) => untimed.run(steps), untimed.most, warmUpMs);
    const runs: number[] = [];
    const until = performance.now() + warmUpMs;
    while (runs.length < 3 || performance.now() < until) runs.push(await untimed.run(stretch));
    stepMsUntimed = median(runs);
  } finally {
    await untimed.close();
  }
  const steps = options.steps ?? clamp(Math.round(TIMED_MS / stepMsUntimed), LEAST_STEPS, MOST_STEPS);
  let program: Program | undefined;
  let timeline: Timeline | undefined;
  const timed = await openStepSession(settings, (programs) => {
    program = programs[settings.mode === "training" ? "training" : "evaluation"]!;
    const calls = Math.max(...Object.values(programs).map((each) => each.calls.length));
    timeline = createTimeline(settings.workers, steps, calls);
    return timeline;
  });
  try {
    let done = 0;
    const run = async (count: number): Promise<number> => {
      const most = settings.mode === "training" ? Math.min(count, timed.most) : timed.most;
      const stepMs = await timed.run(most);
      done += most;
      return stepMs;
    };
    await warmUp(run, timed.most, warmUpMs);
    for (const until = done + steps; done < until; ) await run(until - done);
    return summarize(settings, program!, timeline!, done, stepMsUntimed, timed.session.memoryBytes);
  } finally {
    await timed.close();
  }
}

/** @returns of how many steps a stretch should be */
async function warmUp(
  run: (steps: number) => Promise<number>,
  most: number,
  warmUpMs: number,
): Promise<number> {
  const until = performance.now() + warmUpMs;
  let stretch = Math.min(2, most);
  do stretch = stretchOf(await run(stretch), most);
  while (performance.now() < until);
  return stretch;
}

function summarize(
  settings: StepSettings,
  { calls, labels }: Program,
  timeline: Timeline,
  done: number,
  stepMsUntimed: number,
  memoryBytes: number,
): Profile {
  const { workers } = settings;
  const steps = Array.from({ length: timeline.steps }, (_, i) =>
    Array.from({ length: workers }, (_, worker) =>
      readStep(timeline, worker, done - timeline.steps + i, calls.length),
    ),
  );
  const shown = middleHalf(steps);
  const views = shown.flat();
  const mean = (value: (times: StepTimes) => number) => sum(views.map(value)) / views.length;

  const stepMs = mean(({ began, met }) => met - began);
  const ms = calls.map((_, at) => mean(({ calls: times }) => times[at].done - times[at].met));
  const barriers = workers === 1 ? [] : [...calls.keys()].filter((at) => calls[at].meet);
  const waits = (times: StepTimes) => [
    ...barriers.map((at) => times.calls[at].met - times.calls[at].arrived),
    ...(workers === 1 ? [] : [times.met - times.arrived]),
  ];
  const waitMs = mean((times) => sum(waits(times)));
  // Who comes last to a barrier waits for nobody: what it takes all the same is the meeting.
  const meetingMs =
    sum(shown.map((views) => sum(transpose(views.map(waits)).map((each) => Math.min(...each))))) /
    shown.length;
  const kernelMs = sum(ms);
  const loopMs = stepMs - kernelMs - waitMs;

  const costOf = (chosen: readonly number[]): Cost => {
    const total = (value: (at: number) => number) => sum(chosen.map(value));
    const time = total((at) => ms[at]);
    const flops = total((at) => calls[at].work?.flops ?? 0);
    const bytes = total((at) => calls[at].bytes);
    const perSecond = (amount: number) => (time > 0 ? amount / time / 1e6 : 0);
    return {
      ms: time,
      share: time / stepMs,
      flops,
      bytes,
      gflops: perSecond(flops),
      gigabytesPerSecond: perSecond(bytes),
    };
  };
  const grouped = (key: (call: Call) => string) =>
    Array.from(groupBy(calls, key), ([name, chosen]) => ({
      name,
      calls: chosen.length,
      cost: costOf(chosen),
    }));
  return {
    ...settings,
    steps: timeline.steps,
    stepMs,
    stepMsUntimed,
    layers: grouped(({ label }) => label)
      .sort((a, b) => labels.indexOf(a.name) - labels.indexOf(b.name))
      .map(({ name, cost }) => ({ ...splitLabel(name), ...cost })),
    kernels: grouped(({ kernel }) => kernel)
      .map(({ name, calls, cost }) => ({ kernel: name, calls, ...cost }))
      .sort((a, b) => b.ms - a.ms),
    phases: grouped(passOf).map(({ name, cost }) => ({ pass: name, ...cost })),
    kernelMs,
    kernelShare: kernelMs / stepMs,
    waitMs,
    waitShare: waitMs / stepMs,
    meetingMs,
    meetingShare: meetingMs / stepMs,
    loopMs,
    loopShare: loopMs / stepMs,
    barriers: workers === 1 ? 0 : barriers.length + 1,
    memoryBytes,
    trace: { calls, steps: steps.slice(-TRACED_STEPS) },
  };
}

/** Steps of middling length: the shortest and the longest quarter say more about the machine than about the step. */
function middleHalf(steps: readonly StepTimes[][]): StepTimes[][] {
  const sorted = steps.toSorted((a, b) => a[0].met - a[0].began - (b[0].met - b[0].began));
  const quarter = Math.floor(steps.length / 4);
  return sorted.slice(quarter, steps.length - quarter);
}

/** Indices by key, in order of first appearance. */
function groupBy(calls: readonly Call[], key: (call: Call) => string): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  calls.forEach((call, at) => {
    const group = groups.get(key(call));
    if (group) group.push(at);
    else groups.set(key(call), [at]);
  });
  return groups;
}

function splitLabel(label: string): Pick<LayerCost, "layer" | "phase"> {
  const found = /^(.*) (forward|backward)$/.exec(label);
  return found ? { layer: found[1], phase: found[2] as "forward" } : { layer: label, phase: "" };
}

/** `batch`, `forward`, `loss`, `backward` (of products: `dX`, `dKernel`, `dBias`), `update`. */
function passOf({ label, work }: Call): string {
  const { phase, layer } = splitLabel(label);
  return phase === "backward" ? (work?.pass ?? phase) : phase || layer;
}

function transpose(rows: readonly (readonly number[])[]): number[][] {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
