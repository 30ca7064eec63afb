/**
 * A roofline: how fast each kind of kernel is, against how many operations it has for each byte it touches. Nothing can lie
 * above the roof: the memory's bandwidth times the intensity, or the peak of the arithmetic. (But for Winograd's
 * convolutions, which need fewer operations than the direct form that is counted.) Kernels without products stand beside it, by bandwidth.
 * Source: Williams, Waterman & Patterson 2009, "Roofline: an insightful visual performance model".
 */
import * as Plot from "@observablehq/plot";
import { chartFrame, sheet, TITLE_HEIGHT } from "./sheet.js";

export interface RooflinePoint {
  readonly kernel: string;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Of the step's time. */
  readonly share: number;
}

export interface Roofline {
  readonly title: string;
  readonly peakGflops: number;
  readonly memoryGigabytesPerSecond: number;
  readonly cacheGigabytesPerSecond: number;
  readonly points: readonly RooflinePoint[];
}

const ROOF_WIDTH = 620;
const BARS_WIDTH = 470;
const HEIGHT = 420;
/** Of the step; the names of lesser kernels would only cover one another. */
const LEAST_SHARE = 0.002;

export function rooflineSvg(given: Roofline): string {
  const products = given.points.filter(({ gflops }) => gflops > 0);
  const streams = given.points.filter(({ gflops, share }) => gflops === 0 && share >= LEAST_SHARE);
  const panels = [{ x: 0, y: TITLE_HEIGHT, svg: roof(given, products) }];
  if (streams.length > 0) panels.push({ x: ROOF_WIDTH, y: TITLE_HEIGHT, svg: bandwidths(given, streams) });
  return sheet(given.title, ROOF_WIDTH + BARS_WIDTH, HEIGHT + TITLE_HEIGHT, panels);
}

function roof(
  { peakGflops, memoryGigabytesPerSecond, cacheGigabytesPerSecond }: Roofline,
  products: readonly RooflinePoint[],
): Element {
  const points = products.map((point) => ({ ...point, intensity: point.gflops / point.gigabytesPerSecond }));
  const left = Math.min(0.25, ...points.map(({ intensity }) => intensity / 2));
  const right = Math.max(64, ...points.map(({ intensity }) => intensity * 3));
  const top = Math.max(peakGflops, ...points.map(({ gflops }) => gflops)) * 2;
  const bottom = Math.min(1, ...points.map(({ gflops }) => gflops / 2));
  const line = (name: string, bandwidth: number) => [
    { name, intensity: left, gflops: Math.min(peakGflops, left * bandwidth) },
    { name, intensity: Math.max(left, peakGflops / bandwidth), gflops: peakGflops },
    { name, intensity: right, gflops: peakGflops },
  ];
  const roofs = [...line("memory", memoryGigabytesPerSecond), ...line("cache", cacheGigabytesPerSecond)];
  const captions = [
    {
      intensity: left,
      gflops: left * memoryGigabytesPerSecond,
      text: `memory ${memoryGigabytesPerSecond.toFixed(0)} GB/s`,
    },
    {
      intensity: left,
      gflops: left * cacheGigabytesPerSecond,
      text: `cache ${cacheGigabytesPerSecond.toFixed(0)} GB/s`,
    },
  ].filter(({ gflops }) => gflops > bottom && gflops < peakGflops);
  return Plot.plot({
    ...chartFrame(ROOF_WIDTH, HEIGHT),
    marginLeft: 56,
    marginBottom: 48,
    marginRight: 24,
    x: {
      type: "log",
      domain: [left, right],
      label: "operations a byte",
      labelAnchor: "center",
      labelArrow: "none",
      ticks: 6,
    },
    y: {
      type: "log",
      domain: [bottom, top],
      label: "GFLOP/s, direct operations",
      labelArrow: "none",
      grid: true,
      ticks: 5,
    },
    r: { range: [3, 14], domain: [0, 1] },
    marks: [
      Plot.line(roofs, { x: "intensity", y: "gflops", z: "name", stroke: "#888", strokeWidth: 1.5 }),
      Plot.text([peakGflops], {
        x: (1.1 * peakGflops) / memoryGigabytesPerSecond,
        y: (value: number) => value,
        text: (value: number) => `peak ${value.toFixed(0)} GFLOP/s`,
        textAnchor: "start",
        dy: -8,
        fill: "#666",
      }),
      Plot.text(captions, {
        x: "intensity",
        y: "gflops",
        text: "text",
        textAnchor: "start",
        dx: 8,
        dy: -10,
        fill: "#666",
      }),
      Plot.dot(points, { x: "intensity", y: "gflops", r: "share", fill: "#4269d0", fillOpacity: 0.8 }),
      Plot.text(labels(points), {
        x: "intensity",
        y: "gflops",
        text: "text",
        lineAnchor: "bottom",
        dy: -14,
        fontSize: 10,
      }),
    ],
  });
}

interface Placed {
  readonly kernel: string;
  readonly intensity: number;
  readonly gflops: number;
}

/** A point's name; those of points that lie too near to one another stand in a stack above the highest. */
function labels(points: readonly Placed[]): { intensity: number; gflops: number; text: string }[] {
  const near = (a: number, b: number, factor: number) => Math.max(a / b, b / a) < factor;
  const stacks: Placed[][] = [];
  for (const point of points.toSorted((a, b) => b.gflops - a.gflops)) {
    const stack = stacks.find(
      ([top]) => near(top.intensity, point.intensity, 3) && near(top.gflops, point.gflops, 1.15),
    );
    if (stack) stack.push(point);
    else stacks.push([point]);
  }
  return stacks.map((stack) => ({
    intensity: stack[0].intensity,
    gflops: stack[0].gflops,
    text: stack.map(({ kernel }) => kernel).join("\n"),
  }));
}

function bandwidths({ memoryGigabytesPerSecond }: Roofline, streams: readonly RooflinePoint[]): Element {
  return Plot.plot({
    ...chartFrame(BARS_WIDTH, HEIGHT),
    marginLeft: 220,
    marginBottom: 48,
    marginRight: 40,
    x: { label: "GB/s", labelAnchor: "center", labelArrow: "none", grid: true, ticks: 5 },
    y: { label: null, domain: streams.map(({ kernel }) => kernel) },
    marks: [
      Plot.barX(streams, { x: "gigabytesPerSecond", y: "kernel", fill: "#6cc5b0" }),
      Plot.text(streams, {
        x: "gigabytesPerSecond",
        y: "kernel",
        text: ({ gigabytesPerSecond }: RooflinePoint) => gigabytesPerSecond.toFixed(0),
        textAnchor: "start",
        dx: 4,
      }),
      Plot.ruleX([memoryGigabytesPerSecond], { stroke: "#888", strokeDasharray: "4 3" }),
    ],
  });
}
