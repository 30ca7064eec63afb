/** Loss and accuracy over the epochs, training and validation, as one SVG. */
import * as Plot from "@observablehq/plot";
import { chartFrame, sheet, TITLE_HEIGHT } from "./sheet.js";

/** What a fit remembers: `logs.loss[e]` is epoch e's loss; `logs.val_loss[v]` that of epoch validationEpochs[v]. */
export interface CurveHistory {
  readonly epochs: readonly number[];
  readonly validationEpochs: readonly number[];
  readonly logs: Readonly<Record<string, readonly number[]>>;
}

interface Point {
  /** Counted from 1. */
  readonly epoch: number;
  readonly value: number;
  readonly series: "training" | "validation";
}

const PANEL_WIDTH = 460;
const PANEL_HEIGHT = 320;
const COLOURS = { domain: ["training", "validation"], range: ["#4269d0", "#ff725c"] };
const MOST_TICKS = 10;

/** Panels side by side: accuracy where it was logged, and loss. */
export function curvesSvg(history: CurveHistory, { title }: { title: string }): string {
  const names = ["accuracy", "loss"].filter((name) => name in history.logs);
  const width = PANEL_WIDTH * Math.max(1, names.length);
  const panels = names.map((name, i) => ({
    x: i * PANEL_WIDTH,
    y: TITLE_HEIGHT,
    svg: panel(name, pointsOf(history, name), history.epochs.length),
  }));
  return sheet(title, width, PANEL_HEIGHT + TITLE_HEIGHT, panels);
}

function pointsOf(history: CurveHistory, name: string): Point[] {
  const series = (key: string, epochs: readonly number[], which: Point["series"]): Point[] =>
    (history.logs[key] ?? []).map((value, i) => ({ epoch: epochs[i] + 1, value, series: which }));
  return [
    ...series(name, history.epochs, "training"),
    ...series(`val_${name}`, history.validationEpochs, "validation"),
  ].filter(({ value }) => Number.isFinite(value));
}

function panel(name: string, points: Point[], epochs: number): Element {
  const last = points.filter((point, i) => points[i + 1]?.series !== point.series);
  return Plot.plot({
    ...chartFrame(PANEL_WIDTH, PANEL_HEIGHT),
    marginLeft: 56,
    marginRight: 60,
    marginBottom: 44,
    inset: 6,
    x: {
      label: "epoch",
      labelAnchor: "center",
      labelArrow: "none",
      domain: [0.5, epochs + 0.5],
      ticks: ticksOf(epochs),
      tickFormat: "d",
    },
    y: { label: name, labelArrow: "none", grid: true, nice: true, ticks: 6 },
    color: COLOURS,
    marks: [
      Plot.line(points, { x: "epoch", y: "value", z: "series", stroke: "series", strokeWidth: 2 }),
      epochs <= 50 ? Plot.dot(points, { x: "epoch", y: "value", fill: "series", r: 3 }) : null,
      Plot.text(last, {
        x: "epoch",
        y: "value",
        text: (point: Point) => point.value.toFixed(3),
        fill: "series",
        dx: 8,
        textAnchor: "start",
      }),
      legend(),
    ],
  });
}

/** The two series' names in their colours, at the panel's top right corner. */
function legend() {
  const entries = COLOURS.domain.map((series, i) => ({ series, dy: -6, dx: -84 + i * 86 }));
  return entries.map(({ series, dx, dy }) =>
    Plot.text([series], {
      frameAnchor: "top-right",
      text: (value: string) => `● ${value}`,
      fill: () => series,
      dx: dx + 40,
      dy: dy - 8,
    }),
  );
}

/** At most ten whole epochs. */
export function ticksOf(epochs: number): number[] {
  const step = Math.max(1, Math.ceil(epochs / MOST_TICKS));
  const ticks: number[] = [];
  for (let epoch = step === 1 ? 1 : step; epoch <= epochs; epoch += step) ticks.push(epoch);
  return ticks;
}
