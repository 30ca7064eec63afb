/** The setup in the address, read strictly: what makes no sense there counts as not given. */
import { computed } from "@preact/signals";
import { type LayerSpec, NETWORK_NAMES, type NetworkSpec } from "./engine/protocol/network.js";
import { DATA_NAMES, OPTIMIZER_NAMES, type Setup } from "./engine/protocol/train.js";
import { addressOf, parameter, setParameters } from "./router.js";

/** The big ones start narrow: a step then takes tens of milliseconds, not seconds. */
export const DEFAULT_WIDTH: Readonly<Record<Setup["network"], number>> = {
  baseline: 1,
  lenet5: 1,
  alexnet8: 0.125,
  vgg16: 0.125,
  inception10: 0.5,
  resnet18: 0.125,
  own: 1,
};
export const DEFAULT_RATE: Readonly<Record<Setup["optimizer"], number>> = {
  adam: 0.001,
  adamw: 0.001,
  sgd: 0.01,
  rmsprop: 0.001,
};
/** Learns something within seconds. */
const DEFAULT_NETWORK = "baseline";
export const IMAGE_SHAPE = [32, 32, 3] as const;
export const CLASSES = 10;

function oneOf<T extends string>(names: readonly T[], text: string | undefined, otherwise: T): T {
  return names.find((name) => name === text) ?? otherwise;
}

function numeral(text: string | undefined, fits: (value: number) => boolean, otherwise: number): number {
  const value = Number(text);
  return text !== undefined && text.trim() !== "" && fits(value) ? value : otherwise;
}

const whole = (least: number, most: number) => (value: number) =>
  Number.isInteger(value) && value >= least && value <= most;

/** Layers from the address. */
export function layersOf(text: string | undefined): readonly LayerSpec[] | undefined {
  if (text === undefined) return undefined;
  try {
    const layers: unknown = JSON.parse(text);
    const good = Array.isArray(layers) && layers.every((layer) => typeof layer?.kind === "string");
    return good ? layers : undefined;
  } catch {
    return undefined;
  }
}

export const setup = computed<Setup>(() => {
  const layers = layersOf(parameter("layers"));
  const named = oneOf([...NETWORK_NAMES, "own"], parameter("network"), DEFAULT_NETWORK);
  const network = named === "own" && !layers ? DEFAULT_NETWORK : named;
  const optimizer = oneOf(OPTIMIZER_NAMES, parameter("optimizer"), "adam");
  const positive = (value: number) => Number.isFinite(value) && value > 0;
  return {
    network,
    width: numeral(parameter("width"), (value) => positive(value) && value <= 4, DEFAULT_WIDTH[network]),
    ...(network === "own" && { layers }),
    data: oneOf(DATA_NAMES, parameter("data"), "sample"),
    seed: numeral(parameter("seed"), whole(0, 2 ** 32 - 1), 0),
    batchSize: numeral(parameter("batch"), whole(1, 1024), 32),
    optimizer,
    learningRate: numeral(parameter("rate"), positive, DEFAULT_RATE[optimizer]),
  };
});

export function networkSpec({ network, width, layers }: Setup): NetworkSpec {
  return { network, width, layers, inputShape: IMAGE_SHAPE, classes: CLASSES };
}

/** What is as it would be anyway does not clutter the address. */
export function changeSetup(changes: Partial<Setup>): void {
  setParameters(parametersOf(changes));
}

/** The address of a page with another setup, for links. */
export function addressOfSetup(page: string, changes: Partial<Setup>): string {
  return addressOf(page, parametersOf(changes));
}

function parametersOf(changes: Partial<Setup>): Record<string, string | number | undefined> {
  const next = { ...setup.peek(), ...changes };
  if (changes.network && changes.width === undefined) next.width = DEFAULT_WIDTH[next.network];
  if (changes.optimizer && changes.learningRate === undefined)
    next.learningRate = DEFAULT_RATE[next.optimizer];
  const unless = <T extends string | number>(value: T, normal: T) => (value === normal ? undefined : value);
  return {
    network: unless(next.network, DEFAULT_NETWORK),
    width: unless(next.width, DEFAULT_WIDTH[next.network]),
    layers: next.network === "own" ? JSON.stringify(next.layers) : undefined,
    data: unless(next.data, "sample"),
    seed: unless(next.seed, 0),
    batch: unless(next.batchSize, 32),
    optimizer: unless(next.optimizer, "adam"),
    rate: unless(next.learningRate, DEFAULT_RATE[next.optimizer]),
  };
}
