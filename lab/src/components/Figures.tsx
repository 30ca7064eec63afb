/** A few numbers, large, to be read from the last row. */
export function Figures({
  entries,
}: {
  readonly entries: readonly { readonly name: string; readonly value: string; readonly key?: string }[];
}) {
  return (
    <dl class="figures">
      {entries.map(({ name, value, key }) => (
        <div class="figure" key={name}>
          <dt>{name}</dt>
          <dd data-figure={key}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
