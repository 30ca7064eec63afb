/** A confusion matrix as SVG: rows are the truth, columns the prediction, a cell's colour its share of the row. */
import { escapeXml, TITLE_HEIGHT } from "./sheet.js";

/** The matrix itself, if classes are not too many. */
const MATRIX_SIZE = 560;
const CELL = { least: 8, most: 64 };
const LEAST_WITH_NUMBER = 22;
const MOST_NAME = 22;
const RIGHT = [66, 105, 208];
const WRONG = [232, 84, 62];
/** From this share on a number is white. */
const DARK = 0.55;
const RECALL_WIDTH = 56;
const AXIS_WIDTH = 26;

/** @param matrix  [label][predicted], counts */
export function confusionSvg(
  matrix: readonly (readonly number[])[],
  names: readonly string[],
  { title }: { readonly title: string },
): string {
  const count = matrix.length;
  const cell = Math.max(CELL.least, Math.min(CELL.most, Math.floor(MATRIX_SIZE / count)));
  const font = Math.max(6, Math.min(12, cell - 2));
  const shown = names.map(shortName);
  const nameWidth = Math.max(...shown.map((name) => name.length)) * font * 0.62 + 10;
  const left = AXIS_WIDTH + nameWidth;
  const top = TITLE_HEIGHT + 8;
  const size = count * cell;
  // Names below lean by 45°.
  const bottom = top + size + nameWidth * 0.72 + 12;
  // A long title needs room, too.
  const width = Math.ceil(Math.max(left + size + RECALL_WIDTH, title.length * 8.6 + 24, 260));
  const height = Math.ceil(bottom + 22);
  const parts: string[] = [];
  const text = (x: number, y: number, what: string, more = "") =>
    parts.push(`<text x="${round(x)}" y="${round(y)}" font-size="${font}" ${more}>${escapeXml(what)}</text>`);
  matrix.forEach((row, label) => {
    const total = row.reduce((sum, value) => sum + value, 0);
    const y = top + label * cell;
    const middle = y + cell / 2 + font * 0.36;
    row.forEach((value, predicted) => {
      const share = total === 0 ? 0 : value / total;
      const x = left + predicted * cell;
      const fill = colour(label === predicted ? RIGHT : WRONG, share);
      parts.push(`<rect x="${round(x)}" y="${y}" width="${cell}" height="${cell}" fill="${fill}"/>`);
      if (cell < LEAST_WITH_NUMBER || value === 0) return;
      const digits = String(value).length;
      const own = Math.min(font, (cell - 4) / (digits * 0.62));
      const centred = `text-anchor="middle" fill="${share > DARK ? "white" : "black"}"`;
      parts.push(
        `<text x="${round(x + cell / 2)}" y="${round(middle)}" font-size="${round(own)}" ${centred}>${value}</text>`,
      );
    });
    text(left - 6, middle, shown[label], 'text-anchor="end"');
    const recall = total === 0 ? "–" : `${((100 * row[label]) / total).toFixed(0)} %`;
    text(left + size + 8, middle, recall, 'fill="#666"');
    const [x, down] = [left + label * cell + cell / 2 + font * 0.3, top + size + 10 + font * 0.3];
    const lean = `text-anchor="end" transform="rotate(-45 ${round(x)} ${round(down)})"`;
    text(x, down, shown[label], lean);
  });
  const [axisX, axisY] = [16, top + size / 2];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="'DejaVu Sans', system-ui, sans-serif">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${width / 2}" y="26" text-anchor="middle" font-size="15">${escapeXml(title)}</text>`,
    ...parts,
    `<rect x="${round(left)}" y="${top}" width="${size}" height="${size}" fill="none" stroke="#bbb"/>`,
    `<text x="${axisX}" y="${round(axisY)}" font-size="12" fill="#666" text-anchor="middle" transform="rotate(-90 ${axisX} ${round(axisY)})">truth</text>`,
    `<text x="${round(left + size / 2)}" y="${height - 8}" font-size="12" fill="#666" text-anchor="middle">prediction</text>`,
    `<text x="${round(left + size + 8)}" y="${top - 6}" font-size="${Math.min(font, 10)}" fill="#666">recall</text>`,
    "</svg>\n",
  ].join("\n");
}

/** From white to the colour; small shares are to be seen, so the root. */
function colour(full: readonly number[], share: number): string {
  const strength = Math.sqrt(share);
  return `rgb(${full.map((value) => Math.round(255 + (value - 255) * strength)).join(",")})`;
}

function shortName(name: string): string {
  return name.length <= MOST_NAME ? name : `${name.slice(0, MOST_NAME - 1)}…`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
