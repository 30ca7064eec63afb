/** How the engine tells the page of something unasked. */
import type { Events, Reply } from "./protocol/index.js";

/** TypeScript's library knows the page's postMessage alone. */
const post = (globalThis as unknown as { postMessage(reply: Reply): void }).postMessage.bind(globalThis);

export function reply(message: Reply): void {
  post(message);
}

export function emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
  post({ event, value });
}
