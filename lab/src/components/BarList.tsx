/** A few signed numbers as bars around a middle line; each a button when one can be chosen. */
import { formatNumber } from "./numbers.js";

export interface BarListProps {
  readonly caption: string;
  readonly entries: readonly { readonly name: string; readonly value: number }[];
  readonly chosen?: number;
  readonly onChoose?: (index: number) => void;
}

export function BarList({ caption, entries, chosen, onChoose }: BarListProps) {
  const most = Math.max(0, ...entries.map(({ value }) => Math.abs(value)));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll bars" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <tbody>
          {entries.map(({ name, value }, index) => (
            <tr key={name} class={index === chosen ? "chosen" : undefined}>
              <th scope="row">
                {onChoose ? (
                  <button
                    type="button"
                    class="link"
                    aria-pressed={index === chosen}
                    onClick={() => onChoose(index)}
                  >
                    {name}
                  </button>
                ) : (
                  name
                )}
              </th>
              <td class="bar-cell" aria-hidden="true">
                <span
                  class={value < 0 ? "bar negative" : "bar positive"}
                  style={{ width: `${most > 0 ? (Math.abs(value) / most) * 50 : 0}%` }}
                />
              </td>
              <td>{formatNumber(value, 6)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
