import { describeData } from "./data.js";
import type { Handlers } from "./protocol/index.js";
import type { Environment, TrainCalls } from "./protocol/train.js";

function environment(): Environment {
  const isolated = crossOriginIsolated;
  return { isolated, workers: isolated ? navigator.hardwareConcurrency : 1, cifar10: false };
}

export const trainHandlers: Handlers<TrainCalls> = { environment, describeData };
