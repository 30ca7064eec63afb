/** Plain tables for the terminal. */

/** Columns as wide as their widest cell; the first `left` of them are aligned left, the others right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  left = 1,
  markdown = false,
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const pad = (row: readonly string[]) =>
    row.map((cell, column) => (column < left ? cell.padEnd(widths[column]) : cell.padStart(widths[column])));
  if (markdown) {
    const rulers = widths.map((width, column) =>
      column < left ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
    );
    return [pad(header), rulers, ...rows.map(pad), []]
      .map((cells) => (cells.length > 0 ? `| ${cells.join(" | ")} |` : ""))
      .join("\n");
  }
  const line = (row: readonly string[]) => pad(row).join("  ").trimEnd();
  const ruler = "─".repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [line(header), ruler, ...rows.map(line), ""].join("\n");
}

/** Three digits that matter: 0.0123, 1.23, 12.3, 1234. */
export function digits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const places = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(places);
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
