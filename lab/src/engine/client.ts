/** The page's side of the engine: calls that return promises, and events. */
import type { Argument, Calls, Events, Failure, Reply, Request, Result } from "./protocol/index.js";

/** In the library's own words; `name` is its class there: "ShapeError". */
export class EngineError extends Error {
  constructor({ name, message }: Failure) {
    super(message);
    this.name = name;
  }
}

const worker = new Worker(new URL("./engine.ts", import.meta.url), { type: "module", name: "engine" });
const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
const listeners = new Map<keyof Events, Set<(value: never) => void>>();
let calls = 0;

/** For tests: how many answers are still to come. */
function tellWaiting(): void {
  document.documentElement.dataset.waiting = String(waiting.size);
}

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  if ("event" in data) {
    for (const listener of listeners.get(data.event) ?? []) listener(data.value as never);
    return;
  }
  const call = waiting.get(data.id);
  waiting.delete(data.id);
  tellWaiting();
  if ("failure" in data) call?.reject(new EngineError(data.failure));
  else call?.resolve(data.result);
};
// The worker's script is missing or broken: whoever waits must know.
worker.onerror = (event) => {
  const failure = { name: "EngineError", message: event.message || "The engine could not be loaded." };
  for (const { reject } of waiting.values()) reject(new EngineError(failure));
  waiting.clear();
};

export function call<Name extends keyof Calls>(
  name: Name,
  argument: Argument<Name>,
): Promise<Awaited<Result<Name>>> {
  const id = calls++;
  const answer = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }));
  tellWaiting();
  worker.postMessage({ id, call: name, argument } satisfies Request);
  return answer as Promise<Awaited<Result<Name>>>;
}

/** @returns what ends listening */
export function on<Name extends keyof Events>(
  name: Name,
  listener: (value: Events[Name]) => void,
): () => void {
  const set = listeners.get(name) ?? new Set();
  listeners.set(name, set);
  set.add(listener);
  return () => set.delete(listener);
}
