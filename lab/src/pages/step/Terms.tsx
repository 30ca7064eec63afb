/** The terms of a sum, one a line; weights in it can be chosen. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { formatNumber } from "../../components/numbers.js";
import type { Stage } from "../../engine/protocol/explain.js";
import { t } from "./words.js";

/** So many are shown until one asks for all; longer tables would freeze the page. The sum counts all of them. */
const FIRST_ROWS = 30;
const MOST_ROWS = 1000;

export function TermsTable<Term>({
  caption,
  heads,
  terms,
  row,
}: {
  readonly caption: string;
  readonly heads: readonly string[];
  readonly terms: readonly Term[];
  readonly row: (term: Term, index: number) => readonly ComponentChildren[];
}) {
  const [all, setAll] = useState(false);
  const shown = terms.slice(0, all ? MOST_ROWS : FIRST_ROWS);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll terms" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((term, index) => (
            <tr key={index}>
              {row(term, index).map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {terms.length > shown.length && (
        <p>
          {t("more", { n: terms.length - shown.length })}{" "}
          {!all && (
            <button type="button" class="link" onClick={() => setAll(true)}>
              {t("showAll")}
            </button>
          )}
        </p>
      )}
    </section>
  );
}

/** The end of each sum: what the terms give, what the kernel has, and what lies between. */
export function Sums({
  name,
  computed,
  kernel,
  difference,
}: {
  readonly name: string;
  readonly computed: number;
  readonly kernel: number;
  readonly difference: number;
}) {
  return (
    <dl class="sums" data-sum={name}>
      <div>
        <dt>{t("summed")}</dt>
        <dd data-value="computed">{formatNumber(computed, 9)}</dd>
      </div>
      <div>
        <dt>{t("kernel")}</dt>
        <dd data-value="kernel">
          <strong>{formatNumber(kernel, 9)}</strong>
        </dd>
      </div>
      <div>
        <dt>{t("difference")}</dt>
        <dd data-value="difference">{formatNumber(difference, 2)}</dd>
      </div>
    </dl>
  );
}

/** "2, 5, 0": row, column, channel; a unit's number alone. */
export function placeText(shape: readonly number[], index: number): string {
  if (shape.length !== 3) return String(index);
  const [, width, channels] = shape;
  const position = Math.floor(index / channels);
  return `${Math.floor(position / width)}, ${position % width}, ${index % channels}`;
}

export function cellName(stage: Stage, index: number): string {
  const { name, shape } = stage;
  if (shape.length !== 3) return t("unit", { stage: name, c: index });
  const [row, column, c] = placeText(shape, index).split(", ");
  return t("cell", { stage: name, row, column, c });
}

/** A weight's place: "[a, b, c, f]". */
export function weightPlaceText(shape: readonly number[], index: number): string {
  const place: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${place.join(", ")}]`;
}
