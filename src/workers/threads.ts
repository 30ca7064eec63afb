/** Starts the gang in Node. Piscina is loaded when threads are wanted. In a page web-gang.ts stands in its place. */
import type { Gang, GangSetup } from "./gang.js";

/** @throws WorkerError */
export async function startGang(setup: GangSetup): Promise<Gang> {
  const { nodeGang } = await import("./node-gang.js");
  return nodeGang(setup);
}
