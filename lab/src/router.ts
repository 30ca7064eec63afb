/** The address holds the state, so that a lecture can be linked: `#/train?network=lenet5&seed=0`. */
import { computed, signal } from "@preact/signals";

interface Place {
  readonly page: string;
  readonly parameters: ReadonlyMap<string, string>;
}

function parse(hash: string): Place {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { page: path, parameters: new Map(new URLSearchParams(query)) };
}

function write({ page, parameters }: Place): string {
  const query = new URLSearchParams([...parameters]).toString();
  return `#/${page}${query && `?${query}`}`;
}

const place = signal(parse(location.hash));
addEventListener("hashchange", () => {
  place.value = parse(location.hash);
});

export const pageName = computed(() => place.value.page);

/** What goes along from page to page: the network and how it is trained. All else is a page's own. */
const SHARED = ["network", "width", "data", "seed", "batch", "optimizer", "rate", "layers"];

export function parameter(name: string): string | undefined {
  return place.value.parameters.get(name);
}

/** Changes the address in place; undefined takes a parameter out. `step: true` makes the Back button come back here. */
export function setParameters(
  changes: Readonly<Record<string, string | number | undefined>>,
  { step = false } = {},
): void {
  const parameters = new Map(place.peek().parameters);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) parameters.delete(name);
    else parameters.set(name, String(value));
  }
  const next = { page: place.peek().page, parameters };
  if (write(next) === write(place.peek())) return;
  history[step ? "pushState" : "replaceState"](null, "", write(next));
  place.value = next;
}

/** The address of a page, with the network that is chosen now, for links. */
export function addressOf(
  page: string,
  changes: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const shared = [...place.value.parameters].filter(([name]) => SHARED.includes(name));
  const parameters = new Map(shared);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) parameters.delete(name);
    else parameters.set(name, String(value));
  }
  return write({ page, parameters });
}
