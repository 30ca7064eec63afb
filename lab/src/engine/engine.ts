/** The engine's thread: everything is computed here, so that the page stays quick. */
import { reply } from "./events.js";
import { exercisesHandlers } from "./exercises.js";
import { explainHandlers } from "./explain.js";
import { networkHandlers } from "./network.js";
import { ownHandlers } from "./own.js";
import type { Calls, Handlers, Request } from "./protocol/index.js";
import { trainHandlers } from "./train.js";

const handlers: Handlers<Calls> = {
  ...networkHandlers,
  ...trainHandlers,
  ...ownHandlers,
  ...explainHandlers,
  ...exercisesHandlers,
};

addEventListener("message", async ({ data: { id, call, argument } }: MessageEvent<Request>) => {
  try {
    const result = await (handlers[call] as (argument: unknown) => unknown)(argument);
    reply({ id, result });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    reply({ id, failure: { name, message } });
  }
});
