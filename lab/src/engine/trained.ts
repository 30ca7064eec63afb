/** The state after any number of steps, which is training's own: pages that take a step apart begin from it. */
import { dataset } from "./data.js";
import {
  adam,
  availableWorkers,
  type Graph,
  type StepState,
  startState,
  type TrainingState,
  trainedState,
} from "./library.js";
import { buildNetwork } from "./network.js";
import type { StepSetup } from "./protocol/explain.js";
import { trainingStateOf } from "./train.js";

/** Where the last one asked for stands: mostly the next is a step further, or the same again for another unit. */
let last: { readonly key: string; readonly training: TrainingState } | undefined;

/** After `steps` steps of Adam from the seed's weights; goes on from the train page's run where that has stood on the way. */
export async function trainedNetwork(
  setup: StepSetup,
  steps: number,
): Promise<{ readonly graph: Graph; readonly state: StepState }> {
  const { network, width, layers, seed, batchSize, learningRate, optimizer } = setup;
  const { train } = await dataset(setup.data);
  const { imageShape, classes, count } = train;
  const model = buildNetwork({ network, width, layers, inputShape: imageShape, classes: classes.length });
  const { graph } = model;
  model.initialize({ seed });
  if (steps === 0) return { graph, state: startState(graph, model.getWeights()) };
  const key = JSON.stringify(setup);
  const known = [
    last?.key === key ? last.training : undefined,
    optimizer === "adam" ? trainingStateOf(setup) : undefined,
  ].filter((state) => state && state.step <= steps) as TrainingState[];
  const nearest = known.sort((a, b) => b.step - a.step).at(0);
  let training = nearest;
  if (training?.step !== steps) {
    model.compile({
      optimizer: optimizer === "adam" ? adam({ learningRate }) : adam(),
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
    });
    const { state } = await model.fit(train, {
      batchSize,
      seed,
      workers: availableWorkers(),
      epochs: Math.ceil(steps / Math.ceil(count / batchSize)),
      maxSteps: steps,
      resume: nearest && { ...nearest, callbacks: {} },
    });
    training = state;
  }
  last = { key, training };
  return { graph, state: trainedState(graph, training) };
}
