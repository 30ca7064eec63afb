/** Lines over steps, on a canvas that is drawn once a frame at most, however fast points come. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { themeColour } from "../theme.js";
import { useCanvas } from "./canvas.js";
import { DataTable } from "./DataTable.js";

export interface Line {
  readonly name: string;
  /** A colour's name in styles/theme.css. */
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Dots on the points: for few of them. */
  readonly dots?: boolean;
}

export interface LineChartProps {
  readonly label: string;
  readonly xLabel: string;
  readonly lines: readonly Line[];
  /** Changes when points were added. */
  readonly version: unknown;
  readonly height: number;
  /** Default: from the points. */
  readonly yRange?: readonly [number, number];
  readonly logY?: boolean;
  readonly logX?: boolean;
}

const MARGIN = { left: 46, right: 10, top: 10, bottom: 30 };

export function LineChart(props: LineChartProps) {
  const { label, lines, height, xLabel } = props;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(box.current!.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const canvas = useCanvas(width, height, (context) => drawChart(context, width, props), [
    props.version,
    lines,
  ]);
  const longest = Math.max(0, ...lines.map(({ points }) => points.length));
  return (
    <figure class="chart">
      <figcaption>
        <span>{label}</span>
        <span class="legend">
          {lines.map(({ name, colour }) => (
            <span key={name} class="legend-entry">
              <span class="swatch" style={{ background: `var(--${colour})` }} aria-hidden="true" />
              {name}
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={box} class="chart-canvas" role="img" aria-label={label} style={{ height: `${height}px` }}>
        <canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }} />
      </div>
      <DataTable
        caption={label}
        rows={longest}
        columns={lines.length * 2}
        columnName={(column) => (column % 2 ? lines[column >> 1].name : xLabel)}
        at={(row, column) => lines[column >> 1].points[row]?.[column % 2] ?? ""}
      />
    </figure>
  );
}

type Axis = { readonly least: number; readonly most: number; readonly log: boolean };

/** Where a value lies along an axis, 0 to 1. */
function share(value: number, { least, most, log }: Axis): number {
  const of = (x: number) => (log ? Math.log10(x) : x);
  return most === least ? 0.5 : (of(value) - of(least)) / (of(most) - of(least));
}

function axisOf(values: number[], log: boolean, range?: readonly [number, number]): Axis {
  const good = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (range) return { least: range[0], most: range[1], log };
  if (good.length === 0) return { least: log ? 0.1 : 0, most: 1, log };
  let [least, most] = [Infinity, -Infinity];
  for (const value of good) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (log)
    return { least: 10 ** Math.floor(Math.log10(least)), most: 10 ** Math.ceil(Math.log10(most)), log };
  return { least: Math.min(0, least), most: most > 0 ? most * 1.05 : 1, log };
}

function drawChart(context: CanvasRenderingContext2D, width: number, props: LineChartProps): void {
  const { lines, height, xLabel } = props;
  if (width === 0) return;
  const x = axisOf(
    lines.flatMap(({ points }) => points.map(([x]) => x)),
    props.logX ?? false,
  );
  const y = axisOf(
    lines.flatMap(({ points }) => points.map(([, y]) => y)),
    props.logY ?? false,
    props.yRange,
  );
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const px = (value: number) => MARGIN.left + share(value, x) * inner.width;
  const py = (value: number) => MARGIN.top + (1 - share(value, y)) * inner.height;

  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of ticks(y, inner.height / 40)) {
    context.strokeStyle = themeColour("line");
    context.beginPath();
    context.moveTo(MARGIN.left, Math.round(py(tick)) + 0.5);
    context.lineTo(width - MARGIN.right, Math.round(py(tick)) + 0.5);
    context.stroke();
    context.fillStyle = themeColour("muted");
    context.fillText(tickText(tick, y), MARGIN.left - 6, py(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of ticks(x, inner.width / 80)) {
    context.fillText(tickText(tick, x), px(tick), height - MARGIN.bottom + 6);
  }
  context.textAlign = "right";
  context.fillText(xLabel, width - MARGIN.right, height - 12);

  for (const { points, colour, dots } of lines) {
    context.strokeStyle = context.fillStyle = themeColour(colour);
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    for (const [px0, py0] of points) {
      if (!Number.isFinite(py0) || (y.log && py0 <= 0)) {
        pen = false;
        continue;
      }
      context[pen ? "lineTo" : "moveTo"](px(px0), py(py0));
      pen = true;
    }
    context.stroke();
    if (!dots && points.length > 1) continue;
    for (const [px0, py0] of points) {
      if (!Number.isFinite(py0) || (y.log && py0 <= 0)) continue;
      context.beginPath();
      context.arc(px(px0), py(py0), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** Round numbers between the ends: 1, 2 or 5 times a power of ten. */
function ticks({ least, most, log }: Axis, about: number): number[] {
  if (log) {
    const [from, to] = [Math.round(Math.log10(least)), Math.round(Math.log10(most))];
    const every = Math.max(1, Math.ceil((to - from) / Math.max(about, 1)));
    return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, i) => 10 ** (from + i * every));
  }
  const raw = (most - least) / Math.max(about, 1);
  if (!(raw > 0)) return [least];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw)!;
  const first = Math.ceil(least / step) * step;
  return Array.from({ length: Math.floor((most - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

function tickText(value: number, { log }: Axis): string {
  if (log) return value.toExponential(0).replace("e+0", "").replace("e-", "e−");
  return String(Number(value.toPrecision(4))).replace("-", "−");
}
