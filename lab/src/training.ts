/** The run as the page sees it. It lives on when another page is shown. */
import { effect, signal } from "@preact/signals";
import { call, on } from "./engine/client.js";
import type {
  DatasetView,
  Environment,
  Measures,
  Outlook,
  ProgressView,
  RunView,
  Setup,
  Until,
} from "./engine/protocol/train.js";
import { paced } from "./pace.js";
import { setup } from "./setup.js";

export const environment = signal<Environment | undefined>(undefined);
export const data = signal<DatasetView | undefined>(undefined);
export const run = signal<RunView | undefined>(undefined);
export const progress = signal<ProgressView | undefined>(undefined);
export const outlook = signal<Outlook | undefined>(undefined);
/** What it is doing. */
export const running = signal<Until | undefined>(undefined);
export const error = signal<Error | undefined>(undefined);
/** 0: one a core. */
export const workers = signal(0);

type Point = readonly [step: number, value: number];
export interface Curves {
  readonly loss: readonly Point[];
  readonly accuracy: readonly Point[];
  readonly validationLoss: readonly Point[];
  readonly validationAccuracy: readonly Point[];
}
const NO_CURVES: Curves = { loss: [], accuracy: [], validationLoss: [], validationAccuracy: [] };
export const curves = signal(NO_CURVES);

/** A chart is no wider: with more points, every other one goes. */
const MOST_POINTS = 2000;

function add(points: readonly Point[], point: Point): Point[] {
  const thinned = points.length < MOST_POINTS ? points : points.filter((_, i) => i % 2 === 0);
  return [...thinned, point];
}

/** Epochs' ends since the curves were last drawn: with little data there are many a second, and each drawing takes of the workers' time. */
let validations: [step: number, measures: Measures][] = [];

/** Adds what is new in training, and the epochs' ends. */
function draw(training: readonly (readonly [step: number, measures: Measures])[] = []): void {
  let { loss, accuracy, validationLoss, validationAccuracy } = curves.peek();
  for (const [step, measured] of training) {
    loss = add(loss, [step, measured.loss]);
    accuracy = add(accuracy, [step, measured.accuracy]);
  }
  for (const [at, measured] of validations) {
    validationLoss = add(validationLoss, [at, measured.loss]);
    validationAccuracy = add(validationAccuracy, [at, measured.accuracy]);
  }
  validations = [];
  curves.value = { loss, accuracy, validationLoss, validationAccuracy };
}

/** What the engine has told since the curves were last drawn. */
let news: ProgressView[] = [];

function showNews(): void {
  if (news.length === 0) return;
  progress.value = news.at(-1);
  const trained = news.filter(({ phase }) => phase === "training");
  news = [];
  if (trained.length > 0) draw(trained.map((view) => [view.totalSteps, view]));
}

const showSoon = paced(showNews);
on("progress", (view) => {
  news.push(view);
  showSoon();
});
on("epoch", ({ step, validation }) => {
  if (validation) validations.push([step, validation]);
});
on("outlook", (value) => {
  outlook.value = value;
});

/** Asked once, when the lab begins. */
export async function meetEngine(): Promise<void> {
  try {
    environment.value = await call("environment", document.baseURI.replace(/#.*/, ""));
  } catch (reason) {
    error.value = reason as Error;
  }
}

/** The setup that `run` has, as JSON. */
let begunWith: string | undefined;

/** A fresh run of the setup, unless there is one of just this setup. */
async function follow(wanted: Setup): Promise<void> {
  const key = JSON.stringify(wanted);
  if (key === begunWith) return;
  begunWith = key;
  await restart();
}

export async function restart(): Promise<void> {
  const wanted = setup.peek();
  const key = begunWith;
  error.value = undefined;
  curves.value = NO_CURVES;
  validations = [];
  news = [];
  progress.value = outlook.value = run.value = undefined;
  try {
    const [description, begun] = [await call("describeData", wanted.data), await call("begin", wanted)];
    // Another setup may have been chosen meanwhile.
    if (begunWith !== key) return;
    data.value = description;
    run.value = begun;
    outlook.value = await call("outlook", undefined);
  } catch (reason) {
    if (begunWith === key) error.value = reason as Error;
  }
}

/** From now on there is a run of the setup in the address. @returns what ends it */
export function followSetup(): () => void {
  return effect(() => void follow(setup.value));
}

export async function advance(until: Until): Promise<void> {
  if (running.peek()) return;
  running.value = until;
  error.value = undefined;
  try {
    const threads = workers.peek() || environment.peek()?.workers || 1;
    const begun = begunWith;
    const view = await call("advance", { until, workers: threads });
    if (begun !== begunWith) return;
    run.value = view;
    showNews();
    // A single step is over before it can tell of itself.
    const unseen = view.current && (curves.peek().loss.at(-1)?.[0] ?? 0) < view.step;
    if (unseen || validations.length > 0) draw(unseen ? [[view.step, view.current!]] : []);
  } catch (reason) {
    error.value = reason as Error;
  } finally {
    running.value = undefined;
  }
}

export function pause(): void {
  void call("pause", undefined);
}
