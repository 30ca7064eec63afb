/** The engine's thread: everything is computed here, so that the page stays quick. */
import { networkHandlers } from "./network.js";
import type { Calls, Events, Handlers, Reply, Request } from "./protocol/index.js";
import { trainHandlers } from "./train.js";

const handlers: Handlers<Calls> = { ...networkHandlers, ...trainHandlers };

const scope = self as unknown as {
  postMessage(reply: Reply): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
};

export function emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
  scope.postMessage({ event, value });
}

scope.onmessage = async ({ data: { id, call, argument } }) => {
  try {
    const result = await (handlers[call] as (argument: unknown) => unknown)(argument);
    scope.postMessage({ id, result });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    scope.postMessage({ id, failure: { name, message } });
  }
};
