/** The command that trains the same bits outside the browser. */
import type { Setup } from "./engine/protocol/train.js";
import { DEFAULT_RATE } from "./setup.js";

/** `sample` is the beginning of `shapes`. */
const DATA: Readonly<Record<Setup["data"], string>> = {
  sample: "--data shapes --limit 200 --limit-test 200",
  shapes: "--data shapes",
  cifar10: "",
};

/** @param file  of a network of one's own */
export function commandLine(setup: Setup, steps?: number, file?: string): string {
  const { network, width, data, seed, batchSize, optimizer, learningRate } = setup;
  const own = file ?? (network === "own" ? "my-net.js" : undefined);
  return [
    `cbapd train ${own ?? network}`,
    !own && width !== 1 && `--width ${width}`,
    DATA[data],
    seed !== 0 && `--seed ${seed}`,
    batchSize !== 32 && `--batch-size ${batchSize}`,
    optimizer !== "adam" && `--optimizer ${optimizer}`,
    (learningRate !== 0.001 || DEFAULT_RATE[optimizer] !== 0.001) && `--learning-rate ${learningRate}`,
    steps && `--steps ${steps}`,
  ]
    .filter(Boolean)
    .join(" ");
}
