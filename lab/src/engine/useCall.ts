/** A call's answer as a component needs it: asked again when the argument changes, and old answers dropped. */
import { useEffect, useState } from "preact/hooks";
import { call } from "./client.js";
import type { Argument, Calls, Result } from "./protocol/index.js";

export interface Answer<T> {
  /** The last good answer; stays while a new one is computed. */
  readonly value: T | undefined;
  readonly error: Error | undefined;
  readonly waiting: boolean;
}

/** @param argument undefined asks nothing yet. Compared by its JSON. @param version asks again when it changes */
export function useCall<Name extends keyof Calls>(
  name: Name,
  argument: Argument<Name> | undefined,
  version: number | string = 0,
): Answer<Awaited<Result<Name>>> {
  const [answer, setAnswer] = useState<Answer<Awaited<Result<Name>>>>({
    value: undefined,
    error: undefined,
    waiting: true,
  });
  const key = JSON.stringify(argument);
  useEffect(() => {
    if (argument === undefined) return;
    let current = true;
    setAnswer(({ value }) => ({ value, error: undefined, waiting: true }));
    call(name, argument).then(
      (value) => current && setAnswer({ value, error: undefined, waiting: false }),
      (error: Error) => current && setAnswer(({ value }) => ({ value, error, waiting: false })),
    );
    return () => {
      current = false;
    };
  }, [name, key, version]);
  return answer;
}
