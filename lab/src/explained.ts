/** The step that is explained, as pages see it: which network, after how many steps, which image, stage, cell and weight. All in the address. */
import { computed } from "@preact/signals";
import type { StepSetup, StepView } from "./engine/protocol/explain.js";
import { NETWORK_NAMES } from "./engine/protocol/network.js";
import type { Setup } from "./engine/protocol/train.js";
import { useCall } from "./engine/useCall.js";
import { parameter, setParameters } from "./router.js";
import { setup } from "./setup.js";

function natural(name: string): number {
  const value = Number(parameter(name) ?? 0);
  return Number.isInteger(value) && value >= 0 ? value : 0;
}

/** Training goes there at its own pace; LeNet5 takes a minute for as many. */
export const MOST_STEPS = 20_000;

export const place = computed(() => ({
  steps: Math.min(natural("steps"), MOST_STEPS),
  image: natural("image"),
  stage: natural("stage"),
  /** Undefined until one is chosen. */
  cell: parameter("cell") === undefined ? undefined : natural("cell"),
  backward: parameter("way") === "backward",
  weight: parameter("weight"),
  weightIndex: natural("at"),
}));

type Place = (typeof place)["value"];

/** A stage's cell, and a weight, belong to what was chosen before them. */
export function goTo(changes: Partial<Place>): void {
  const { backward, weightIndex, ...plain } = changes;
  const leaves = changes.stage !== undefined && changes.cell === undefined;
  setParameters({
    ...plain,
    ...(leaves && { cell: undefined }),
    ...(backward !== undefined && { way: backward ? "backward" : undefined }),
    ...(weightIndex !== undefined && { at: weightIndex }),
  });
}

/** The six, and one's own while it is chosen. */
export function networkChoices(): readonly { readonly value: Setup["network"]; readonly words: string }[] {
  const names = setup.value.network === "own" ? ([...NETWORK_NAMES, "own"] as const) : NETWORK_NAMES;
  return names.map((name) => ({ value: name, words: name }));
}

/** The step, as soon as the engine has it. */
export function useStep() {
  return useCall("explain", { setup: stepSetup(setup.value), steps: place.value.steps });
}

/** Of a setup, what decides a step's numbers. */
export function stepSetup(all: Setup): StepSetup {
  const { network, width, layers, data, seed, batchSize, learningRate, optimizer } = all;
  return { network, width, layers, data, seed, batchSize, learningRate, optimizer };
}

/** What is chosen, kept within what there is. `cell` is undefined while the engine looks for one worth showing. */
export function useChosen(view: StepView): At {
  const now = place.value;
  const stage = Math.min(now.stage, view.stages.length - 1);
  const image = Math.min(now.image, view.labels.length - 1);
  const count = view.stages[stage].shape.reduce((product, size) => product * size, 1);
  const good = now.cell !== undefined && now.cell < count;
  const found = useCall("stageMaps", good ? undefined : { version: view.version, stage, image });
  const telling = found.value && found.value.y.length === count ? found.value.telling : 0;
  return { ...now, stage, image, cell: good ? now.cell! : telling };
}

export interface At extends Place {
  readonly cell: number;
}
