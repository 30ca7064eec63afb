/** A training step taken apart by the library; one at a time is held. */
import { dataset } from "./data.js";
import {
  axisNumbers,
  backwardCell,
  checkCase,
  checkedTensors,
  checkNetwork,
  type ExplainedStep,
  effectiveField,
  errorCurve,
  explainStep,
  fieldGrowth,
  forwardCell,
  im2col,
  keptBy,
  Machine,
  networkStages,
  normalizationMaps,
  OptionError,
  permutation,
  plantable,
  poolingRoutes,
  receptiveBoxes,
  stackCost,
  trainingBatch,
  weightCell,
  weightSpecs,
  weightsSha256,
} from "./library.js";
import { buildNetwork } from "./network.js";
import type { ExplainCalls, MapsView, RiddleView, StepView } from "./protocol/explain.js";
import type { Handlers } from "./protocol/index.js";
import { trainedNetwork } from "./trained.js";

let machine: Promise<Machine> | undefined;
function theMachine(): Promise<Machine> {
  machine ??= Machine.open();
  return machine;
}

interface Held {
  readonly key: string;
  readonly version: number;
  readonly step: ExplainedStep;
  readonly steps: number;
  readonly view: StepView;
}

let held: Held | undefined;
let versions = 0;

/** A page asks for the numbers of the step that it shows: after a change of the setup the old ones are gone. */
function stepOf(version: number): ExplainedStep {
  if (held?.version !== version) throw new OptionError("This step is no longer the one that is held.");
  return held.step;
}

const explain: Handlers<ExplainCalls>["explain"] = async ({ setup, steps }) => {
  const { seed, batchSize, learningRate, optimizer } = setup;
  const key = JSON.stringify(setup);
  if (held?.key === key && held.steps === steps) return held.view;
  const { train } = await dataset(setup.data);
  const { imageShape, classes } = train;
  const { graph, state } = await trainedNetwork(setup, steps);
  const batch = trainingBatch(train, { seed, step: steps, batchSize });
  const adam = optimizer === "adam" ? { learningRate } : {};
  const step = explainStep(await theMachine(), {
    graph,
    x: batch.x,
    labels: batch.labels,
    state,
    seed,
    adam,
  });
  const size = train.images.length / train.count;
  const pixels = new Uint8Array(batch.examples.length * size);
  batch.examples.forEach((example, n) => {
    pixels.set(train.images.subarray(example * size, (example + 1) * size), n * size);
  });
  const sha = ({ weights }: typeof state) =>
    weightsSha256(new Map(Array.from(weights, ([name, { data }]) => [name, Float32Array.from(data)])));
  const version = ++versions;
  const view: StepView = {
    version,
    stages: step.stages,
    logits: step.logits,
    t: step.adam.step,
    loss: step.loss,
    losses: Array.from(step.losses.data),
    labels: Array.from(batch.labels.data),
    classes,
    probabilities: step.probabilities.data,
    pixels,
    imageShape,
    weights: weightSpecs(graph)
      .filter(({ trainable }) => trainable)
      .map(({ name, shape }) => ({ name, shape })),
    shaBefore: sha(step.before),
    shaAfter: sha(step.after),
  };
  held = { key, version, step, steps, view };
  return view;
};

/** One image's part of a stage's numbers. */
function part(data: Float64Array, image: number, batch: number): Float64Array {
  const size = data.length / batch;
  return data.slice(image * size, (image + 1) * size);
}

function largest(data: Float64Array): number {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most;
}

function tellingOf(data: Float64Array): number {
  let best = 0;
  data.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(data[best])) best = i;
  });
  return best;
}

function stageMaps({ version, stage, image }: { version: number; stage: number; image: number }): MapsView {
  const step = stepOf(version);
  const y = part(step.values[stage].data, image, step.batch);
  const gradient = step.gradients[stage];
  const dY = gradient && part(gradient.data, image, step.batch);
  return {
    shape: step.stages[stage].shape,
    y,
    dY,
    largestY: largest(y),
    largestDY: dY ? largest(dY) : 0,
    telling: tellingOf(dY ?? y),
  };
}

const CHOICES = 5;

function riddle({ seed, game }: { seed: number; game: number }): RiddleView {
  const given = checkCase(seed);
  const all = plantable(given);
  const order = Array.from(permutation(all.length, seed, game), (index) => all[index]);
  for (const { name } of order) {
    const found = checkNetwork(given, name);
    if (found.every(({ ok }) => ok)) continue;
    const others = order.filter((mistake) => mistake.name !== name).slice(0, CHOICES - 1);
    const choices = [...others, all.find((mistake) => mistake.name === name)!]
      .map(({ name, explanation }) => ({ name, explanation }))
      .sort((a, b) => a.name.localeCompare(b.name));
    return { answer: name, choices, found };
  }
  throw new OptionError("No mistake shows.");
}

export const explainHandlers: Handlers<ExplainCalls> = {
  explain,
  stageMaps,
  forwardCell: ({ version, cell }) => forwardCell(stepOf(version), cell),
  backwardCell: ({ version, cell }) => backwardCell(stepOf(version), cell),
  weightCell({ version, name, index, image }) {
    const found = weightCell(stepOf(version), name, index);
    return { ...found, terms: found.terms.filter((term) => term.image === image), image };
  },
  im2col: ({ version, stage, image }) => im2col(stepOf(version), stage, image),
  routes({ version, stage, image }) {
    const step = stepOf(version);
    const input = step.stages[stage].inputs[0];
    const x = part(step.values[input].data, image, step.batch);
    return { ...poolingRoutes(step, stage, image), inputShape: step.stages[input].shape, x };
  },
  mask({ version, stage, image }) {
    const step = stepOf(version);
    const mask = keptBy(step, step.stages[stage], image);
    const kept = mask.reduce((sum, value) => sum + value, 0);
    const { rate } = step.nodes[stage].options as { rate?: number };
    return { mask, kept, shape: step.stages[stage].shape, rate };
  },
  normalization: ({ version, stage, image, channel }) =>
    normalizationMaps(stepOf(version), stage, image, channel),
  lossRow({ version, image }) {
    const step = stepOf(version);
    return Array.from({ length: step.classes }, (_, index) => ({
      z: step.values[step.logits].data[image * step.classes + index],
      cell: backwardCell(step, { stage: step.logits, image, index })!,
    }));
  },
  axis: ({ size, kernel, stride, padding }) => axisNumbers(size, kernel, stride, padding),
  fieldGrowth: (spec) => fieldGrowth(buildNetwork(spec).graph),
  networkStages: (spec) => networkStages(buildNetwork(spec).graph),
  async unit({ setup, steps, stage, index, images }) {
    const { graph, state } = await trainedNetwork(setup, steps);
    const { train } = await dataset(setup.data);
    const { x } = trainingBatch(train, { seed: setup.seed, step: 0, batchSize: images });
    const field = effectiveField(await theMachine(), { graph, weights: state.weights, x, stage, index });
    return { boxes: receptiveBoxes(networkStages(graph), stage, index), field };
  },
  stacks: ({ stacks, channels, side }) => stacks.map((kernels) => stackCost(kernels, channels, side)),
  checked(seed) {
    const given = checkCase(seed);
    const layers = given.graph.nodes.map(({ name, layer }) => ({ name, kind: layer.kind }));
    return { tensors: checkedTensors(given), layers };
  },
  async errorCurve({ seed, precision, ...options }) {
    const machine = precision === "float32" ? await theMachine() : undefined;
    return errorCurve(checkCase(seed), { ...options, machine });
  },
  checkNetwork: ({ seed, mistake }) => checkNetwork(checkCase(seed), mistake),
  riddle,
  mistakes: (seed) => plantable(checkCase(seed)).map(({ name, explanation }) => ({ name, explanation })),
};
