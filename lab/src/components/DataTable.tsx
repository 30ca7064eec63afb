/** A picture's numbers as a table, for those who do not see it; built only once it is opened. */
import { useState } from "preact/hooks";
import { dictionary } from "../i18n/index.js";
import { formatNumber } from "./numbers.js";

const t = dictionary({ table: "Numbers as a table", row: "Row" }, { table: "以表格显示数值", row: "行" });

export interface DataTableProps {
  readonly caption: string;
  readonly rows: number;
  readonly columns: number;
  readonly at: (row: number, column: number) => number | string;
  /** Default: the row's and column's number. */
  readonly rowName?: (row: number) => string;
  readonly columnName?: (column: number) => string;
}

/** More rows would freeze the page, and nobody reads them. */
const MOST_ROWS = 512;

export function DataTable(props: DataTableProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class="data-table" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{t("table")}</summary>
      {open && <Table {...props} />}
    </details>
  );
}

function Table({ caption, rows, columns, at, rowName = String, columnName = String }: DataTableProps) {
  const shown = Array.from({ length: Math.min(rows, MOST_ROWS) }, (_, row) => row);
  const across = Array.from({ length: columns }, (_, column) => column);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{t("row")}</th>
            {across.map((column) => (
              <th scope="col" key={column}>
                {columnName(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row}>
              <th scope="row">{rowName(row)}</th>
              {across.map((column) => {
                const value = at(row, column);
                return <td key={column}>{typeof value === "number" ? formatNumber(value) : value}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
