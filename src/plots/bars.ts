/** Grouped bars, a panel a row: who is how fast, network by network. */
import * as Plot from "@observablehq/plot";
import { chartFrame, sheet, TITLE_HEIGHT } from "./sheet.js";

export interface Bar {
  /** The group on the axis: a network. */
  readonly group: string;
  readonly series: string;
  readonly value: number;
}

export interface BarPanel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 900;
const PANEL_HEIGHT = 244;
const COLOURS = ["#4269d0", "#ff725c", "#6cc5b0", "#efb118", "#a463f2", "#9c6b4e"];

/** @param one what the value 1 means, for the line drawn there and the axis */
export function barsSvg(title: string, one: string, panels: readonly BarPanel[]): string {
  const series = [...new Set(panels.flatMap(({ bars }) => bars.map((bar) => bar.series)))];
  const placed = panels.map((panel, i) => ({
    x: 0,
    y: TITLE_HEIGHT + i * PANEL_HEIGHT,
    svg: panelSvg(panel, series, one),
  }));
  return sheet(title, WIDTH, TITLE_HEIGHT + panels.length * PANEL_HEIGHT, placed);
}

function panelSvg({ title, bars }: BarPanel, series: readonly string[], one: string): Element {
  const groups = [...new Set(bars.map(({ group }) => group))];
  const range = series.map((_, i) => COLOURS[i % COLOURS.length]);
  const legend = series.map((name, i) =>
    Plot.text([name], {
      frameAnchor: "top-left",
      text: (value: string) => `■ ${value}`,
      fill: () => range[i],
      fx: () => groups[0],
      dx: i * 105,
      dy: -30, // above the highest bar's number
    }),
  );
  return Plot.plot({
    ...chartFrame(WIDTH, PANEL_HEIGHT),
    marginLeft: 56,
    marginTop: 58,
    marginBottom: 40,
    fx: { label: null, domain: groups, padding: 0.12 },
    x: { axis: null, domain: [...series], padding: 0.1 },
    y: { label: null, grid: true, nice: true, ticks: 5 },
    color: { domain: [...series], range },
    marks: [
      Plot.barY(bars, { fx: "group", x: "series", y: "value", fill: "series" }),
      Plot.text(bars, {
        fx: "group",
        x: "series",
        y: "value",
        text: ({ value }: Bar) => shortNumber(value),
        dy: -7,
        fontSize: 10,
      }),
      Plot.ruleY([0]),
      Plot.ruleY([1], { stroke: "#888", strokeDasharray: "4 3" }),
      Plot.text([`${title}   (1 = ${one})`], {
        frameAnchor: "top-left",
        text: (value: string) => value,
        fx: () => groups[0],
        dy: -48,
        fontWeight: "bold",
      }),
      legend,
    ],
  });
}

/** Two digits that matter. */
function shortNumber(value: number): string {
  return value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(2) : value.toPrecision(1);
}
