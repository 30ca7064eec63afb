/** In a page: trains with two workers, of which the second breaks in the way asked for, and once more without. */
import { adam, datasets, models, weightsSha256 } from "cbapd";

const { train } = datasets.shapes({ train: 64, test: 10, seed: 3 });
const Real = globalThis.Worker;
/** How the next gang's second worker breaks. */
let cause;
let started = [];
const ADDRESSES = { missing: "/test/browser/no-such-script.js" };
for (const broken of ["throws", "loops", "damaged"])
  ADDRESSES[broken] = `/test/browser/faultyWorker.js?${broken}`;

globalThis.Worker = class extends Real {
  constructor(url, options) {
    const breaks = cause && started.length === 1;
    super(breaks ? (ADDRESSES[cause] ?? url) : url, options);
    started.push(this);
  }
};

async function trained(epochs) {
  started = [];
  const network = models.lenet5({ width: 0.5 });
  network.compile({ optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
  const callbacks = [
    {
      onEpochEnd(epoch) {
        if (cause === "terminated" && epoch === 0) setTimeout(() => started[1].terminate(), 20);
      },
    },
  ];
  await network.fit(train, { batchSize: 8, epochs, seed: 1, workers: 2, callbacks });
  return weightsSha256(network.getWeights());
}

/** The error's name and message, and the weights of a fit that comes after it. */
globalThis.breakWorker = async (how) => {
  cause = how;
  const error = await trained(cause === "terminated" ? 10_000 : 1).then(
    () => ({ name: "none", message: "it went through" }),
    ({ name, message }) => ({ name, message }),
  );
  cause = undefined;
  return { ...error, next: await trained(1) };
};

globalThis.ready = true;
