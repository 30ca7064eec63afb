/** One number over the epochs, of several runs in one picture. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { ticksOf } from "./curves.js";
import { escapeXml } from "./sheet.js";

export interface OverlaySeries {
  readonly name: string;
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

const WIDTH = 920;
const HEIGHT = 420;
const LINE_HEIGHT = 18;
const MARGIN = { left: 60, right: 24, top: 48, bottom: 44 };
const COLOURS = [
  ...["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951"],
  ...["#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"],
];

/** The legend lists the series below, in the order given; colours repeat after ten. What a logarithm cannot show is left out. */
export function overlaySvg(
  series: readonly OverlaySeries[],
  { title, label, log = false }: { readonly title: string; readonly label: string; readonly log?: boolean },
): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const points = series.flatMap(({ name, points: own }) =>
    own
      .filter(({ value }) => Number.isFinite(value) && !(log && value <= 0))
      .map((point) => ({ ...point, name })),
  );
  const colour = (i: number) => COLOURS[i % COLOURS.length];
  const epochs = Math.max(1, ...points.map(({ epoch }) => epoch));
  const svg = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    inset: 6,
    style: { background: "white", fontFamily: "inherit", fontSize: "12px" },
    x: {
      label: "epoch",
      labelAnchor: "center",
      labelArrow: "none",
      domain: [0.5, epochs + 0.5],
      ticks: ticksOf(epochs),
      tickFormat: "d",
    },
    y: {
      label,
      labelArrow: "none",
      grid: true,
      nice: true,
      ticks: 6,
      ...(log && { type: "log" as const, tickFormat: "~g" }),
    },
    color: { domain: series.map(({ name }) => name), range: series.map((_, i) => colour(i)) },
    marks: [
      Plot.line(points, { x: "epoch", y: "value", z: "name", stroke: "name", strokeWidth: 2 }),
      Plot.dot(points, { x: "epoch", y: "value", fill: "name", r: 2.5 }),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const height = HEIGHT + LINE_HEIGHT * series.length + 12;
  const legend = series.map(({ name }, i) => {
    const y = HEIGHT + LINE_HEIGHT * (i + 1) - 4;
    return `<circle cx="${MARGIN.left}" cy="${y - 4}" r="5" fill="${colour(i)}"/><text x="${MARGIN.left + 14}" y="${y}" font-size="12">${escapeXml(name)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="'DejaVu Sans', system-ui, sans-serif">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    svg.outerHTML,
    `<text x="${WIDTH / 2}" y="26" text-anchor="middle" font-size="16">${escapeXml(title)}</text>`,
    ...legend,
    "</svg>\n",
  ].join("\n");
}
