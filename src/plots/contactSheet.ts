/** Small pictures in rows, each with lines of text below, as SVG. */
import { escapeXml, TITLE_HEIGHT } from "./sheet.js";

export interface Tile {
  readonly png: Uint8Array;
  /** Width over height. */
  readonly aspect: number;
  readonly lines: readonly { readonly text: string; readonly colour: string }[];
}

const TILE = 128;
const GAP = 14;
const LINE = 15;
const FONT = 11;
const MOST_COLUMNS = 8;
const MOST_CHARACTERS = 19;

export function contactSheetSvg(title: string, tiles: readonly Tile[]): string {
  const columns = Math.min(MOST_COLUMNS, Math.max(4, Math.ceil(Math.sqrt(tiles.length))));
  const lines = Math.max(...tiles.map((tile) => tile.lines.length));
  const rowHeight = TILE + lines * LINE + GAP;
  const width = columns * (TILE + GAP) + GAP;
  const height = TITLE_HEIGHT + Math.ceil(tiles.length / columns) * rowHeight + GAP;
  const placed = tiles.map(({ png, aspect, lines: own }, i) => {
    const x = GAP + (i % columns) * (TILE + GAP);
    const y = TITLE_HEIGHT + Math.floor(i / columns) * rowHeight;
    const [w, h] = aspect >= 1 ? [TILE, TILE / aspect] : [TILE * aspect, TILE];
    const href = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
    const picture = `<image x="${x + (TILE - w) / 2}" y="${y + (TILE - h) / 2}" width="${w}" height="${h}" href="${href}"/>`;
    const text = own.map(
      ({ text, colour }, line) =>
        `<text x="${x}" y="${y + TILE + (line + 1) * LINE - 2}" font-size="${FONT}" fill="${colour}">${escapeXml(short(text))}</text>`,
    );
    return [picture, ...text].join("\n");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="'DejaVu Sans', system-ui, sans-serif">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${width / 2}" y="26" text-anchor="middle" font-size="15">${escapeXml(title)}</text>`,
    ...placed,
    "</svg>\n",
  ].join("\n");
}

/** A file's name is known by its end. */
function short(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `…${text.slice(1 - MOST_CHARACTERS)}`;
}
