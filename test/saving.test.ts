/** Saving while training goes on: when callbacks are asked to, what they then find, and that it changes nothing. */
import { expect, it } from "vitest";
import { shapes } from "../src/data/shapes.js";
import { initialWeights } from "../src/models/initializers.js";
import { NETWORKS } from "../src/models/networks.js";
import { earlyStopping, reduceLROnPlateau } from "../src/train/callbacks.js";
import { loadTrainingState, weightsSha256 } from "../src/train/checkpoint.js";
import { resolveCompile } from "../src/train/compile.js";
import { sessionData } from "../src/train/data.js";
import { modelCheckpoint } from "../src/train/fileCallbacks.js";
import { runFit } from "../src/train/fit.js";
import { openSession } from "../src/train/openSession.js";
import { adam } from "../src/train/optimizers.js";
import type { Session } from "../src/train/session.js";
import type { Callback, FitOptions, TrainingState } from "../src/train/types.js";
import { temporaryFolder } from "./support/temporary.js";

const graph = NETWORKS.baseline({ width: 0.25 });
/** Five steps an epoch. */
const { train, test } = shapes({ train: 36, test: 8, seed: 3 });

/** @param change to the session, which otherwise works on the calling thread */
async function trained(options: FitOptions, change: (session: Session) => Session = (session) => session) {
  const compiled = resolveCompile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
  const { state } = await runFit(
    {
      graph,
      compiled,
      training: sessionData("test", graph, train, compiled.loss.name),
      validation: sessionData("test", graph, test, compiled.loss.name),
      batchSize: 8,
      workers: 1,
      seed: 1,
      options: { epochs: 3, ...options },
      weights: initialWeights(graph, 1),
      keepWeights: () => {},
    },
    async (given) => change(await openSession({ ...given, workers: options.workers ?? "inline" })),
  );
  return state;
}

const print = ({ weights, slots, history }: TrainingState) => ({
  weights: weightsSha256(weights),
  moments: weightsSha256(slots),
  history,
});

it("changes no bit, however often it is done", async () => {
  const without = await trained({});
  const saves: string[] = [];
  const saver = (saveEvery: Callback["saveEvery"]): Callback => ({
    saveEvery,
    onSave: (context, when) => void saves.push(`${when} ${context.getTrainingState().step}`),
  });
  const bySteps = await trained({ callbacks: [saver({ steps: 2 })] });
  expect(saves).toEqual([
    ...["step 2", "step 4", "epoch 5", "step 6", "step 8", "step 10", "epoch 10"],
    ...["step 12", "step 14", "epoch 15"],
  ]);
  saves.length = 0;
  const byClock = await trained({ workers: 2, callbacks: [saver({ seconds: 0.0005 })] });
  expect(saves.some((save) => save.startsWith("step"))).toBe(true);
  for (const saved of [bySteps, byClock]) expect(print(saved)).toEqual(print(without));
});

it("goes on in a validation, which may be long, with the state before it", async () => {
  const states: TrainingState[] = [];
  let validating = false;
  const saver: Callback = {
    saveEvery: { seconds: 0.02 },
    onSave: (context) => void (validating && states.push(context.getTrainingState())),
  };
  const slow = (session: Session): Session => ({
    ...methodsOf(session),
    async evaluate(...args) {
      validating = true;
      await new Promise((resolve) => setTimeout(resolve, 110));
      const totals = await session.evaluate(...args);
      validating = false;
      return totals;
    },
  });
  const whole = await trained({ epochs: 1, callbacks: [saver] }, slow);
  expect(states.length).toBeGreaterThan(0);
  for (const resume of states) {
    expect(resume).toMatchObject({ epoch: 0, stepInEpoch: 5, step: 5 });
    expect(print(await trained({ epochs: 1, resume }))).toEqual(print(whole));
  }
});

it("that fails ends the training: in training and in validation", async () => {
  const failing = (at: number): Callback => {
    let calls = 0;
    return {
      saveEvery: { steps: 5 },
      onSave() {
        if (calls++ === at) throw new Error("no room");
      },
    };
  };
  for (const at of [0, 1]) await expect(trained({ callbacks: [failing(at)] })).rejects.toThrow("no room");
});

it("modelCheckpoint saves what callbacks after it remember, within epochs too", async () => {
  const path = `${temporaryFolder()}/checkpoint.safetensors`;
  const callbacks = () => [
    modelCheckpoint(path, { saveEvery: { steps: 2 } }),
    reduceLROnPlateau({ patience: 1, factor: 0.5, minDelta: 10 }),
  ];
  const whole = await trained({ callbacks: callbacks() });
  expect(whole.learningRate).toBe(0.00025);
  for (const maxSteps of [5, 8]) {
    await trained({ callbacks: callbacks(), maxSteps });
    const { state: resume } = await loadTrainingState(path);
    expect(resume.step).toBe(maxSteps);
    const { learningRate, ...rest } = await trained({ callbacks: callbacks(), resume });
    expect(learningRate).toBe(whole.learningRate);
    expect(print({ learningRate, ...rest })).toEqual(print(whole));
  }
});

it("keeps the states of two callbacks of one name apart", async () => {
  const named = (count: number): Callback => {
    let held = count;
    return { name: "mine", getState: () => held, setState: (state) => void (held = (state as number) + 100) };
  };
  const state = await trained({ epochs: 1, callbacks: [named(1), named(2), named(3)] });
  expect(state.callbacks).toEqual({ mine: 1, "mine #2": 2, "mine #3": 3 });
  const next = await trained({ epochs: 2, resume: state, callbacks: [named(7), named(8), named(9)] });
  expect(next.callbacks).toEqual({ mine: 101, "mine #2": 102, "mine #3": 103 });
});

it("a run that a callback has ended stays ended", async () => {
  const callbacks = () => [earlyStopping({ patience: 1, minDelta: 10 })];
  const ended = await trained({ epochs: 9, callbacks: callbacks() });
  expect(ended).toMatchObject({ stopped: true, epoch: 2 });
  const again = await trained({ epochs: 9, callbacks: callbacks(), resume: ended });
  expect(again).toEqual(ended);
  const further = await trained({ epochs: 9, callbacks: callbacks(), resume: { ...ended, stopped: false } });
  expect(further.epoch).toBe(3);
});

it("modelCheckpoint refuses saveEvery where only weights or the best are saved", () => {
  for (const only of [{ saveBestOnly: true }, { saveWeightsOnly: true }]) {
    expect(() => modelCheckpoint("runs", { ...only, saveEvery: { steps: 1 } })).toThrow(
      "modelCheckpoint: saveEvery goes with neither saveBestOnly nor saveWeightsOnly.",
    );
  }
});

/** A session as a plain object, in which single methods can be replaced. */
function methodsOf(session: Session): Session {
  return {
    memoryBytes: session.memoryBytes,
    readWeights: (...args) => session.readWeights(...args),
    writeWeights: (weights) => session.writeWeights(weights),
    readGradients: () => session.readGradients(),
    readSlots: () => session.readSlots(),
    writeSlots: (slots) => session.writeSlots(slots),
    setOrder: (order) => session.setOrder(order),
    train: (stretch) => session.train(stretch),
    hold: () => session.hold(),
    restore: () => session.restore(),
    findBadWeight: () => session.findBadWeight(),
    evaluate: (...args) => session.evaluate(...args),
    outputs: () => session.outputs(),
    predict: () => session.predict(),
    gradients: () => session.gradients(),
    close: () => session.close(),
  };
}
