/** A run as one HTML page that needs nothing else: no script, no request; pictures lie in it. */
import { encode } from "fast-png";
import type { FilterPicture } from "../index.js";
import { curvesSvg } from "../plots/curves.js";
import { overlaySvg } from "../plots/overlay.js";
import { bestOf, type RunRecord } from "./runRecord.js";

export interface ReportConfusion {
  readonly classes: readonly string[];
  /** matrix[t][p]: images of class t that were taken for p. */
  readonly matrix: readonly (readonly number[])[];
  /** Which images, and by which weights. */
  readonly what: string;
}

export interface ReportContent {
  readonly record: RunRecord;
  readonly weightsSha256: string | undefined;
  readonly summary: string;
  /** Undefined, with the reason why in its place. */
  readonly confusion: ReportConfusion | string;
  readonly filters: FilterPicture | undefined;
}

/** A matrix of more classes is no picture any more. */
const MOST_CLASSES = 60;
const MOST_MISTAKES = 10;

/** Nothing may be loaded from anywhere, whatever a class is called. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 980px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; margin-bottom: 0; } h2 { font-size: 1.15em; margin: 2em 0 .5em; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; } td, th { padding: .15em .7em .15em 0; text-align: left; vertical-align: top; font-weight: normal; }
th { color: #666; } td.number, th.number { text-align: right; }
pre, code { font: 13px/1.45 ui-monospace, monospace; } pre { background: #f6f6f6; padding: .8em; overflow-x: auto; }
svg, img { max-width: 100%; height: auto; } .wide { overflow-x: auto; }
.matrix td, .matrix th { padding: .25em .4em; text-align: center; font-size: 13px; color: #1b1b1b; }
.matrix th { color: #444; text-align: right; white-space: nowrap; } .matrix thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
.filters { image-rendering: pixelated; } .hash { overflow-wrap: anywhere; } p.note { color: #666; }
`;

export function reportPage(content: ReportContent): string {
  const { record, confusion, filters } = content;
  const title = `${record.settings.network ?? "run"}: ${record.path}`;
  const parts = [
    facts(content),
    section("Curves", curves(record)),
    section("Gradient norms", gradientNorms(record)),
    section("Confusion matrix", typeof confusion === "string" ? note(confusion) : confusionTables(confusion)),
    section("First filters", filters ? filterImage(filters) : note("The network has no convolution.")),
    section("Network", `<pre>${escapeHtml(content.summary)}</pre>`),
    section("Settings", rows(Object.entries(record.settings).filter(([name]) => name !== "classes"))),
    section("Command", command(record)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(String(record.settings.network ?? "run"))}</h1>
${parts.join("\n")}
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function section(title: string, body: string): string {
  return `<h2>${escapeHtml(title)}</h2>\n${body}`;
}

const note = (text: string) => `<p class="note">${escapeHtml(text)}</p>`;

function rows(entries: readonly (readonly [string, unknown])[]): string {
  const cells = entries.map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`,
  );
  return `<table>${cells.join("")}</table>`;
}

function facts({ record, weightsSha256 }: ReportContent): string {
  const { history, seconds, result } = record;
  const last = (name: string) => history.logs[name]?.at(-1);
  const best = bestOf(record, "val_accuracy");
  const loss = bestOf(record, "val_loss");
  const state = result
    ? result.done
      ? "complete"
      : `interrupted after step ${result.steps}`
    : "not finished";
  const entries: [string, string | undefined][] = [
    ["Run", record.path],
    ["State", `${history.epochs.length} epochs, ${state}`],
    [
      "Validation accuracy",
      best &&
        `${best.value.toFixed(4)} at best (epoch ${best.epoch}), ${last("val_accuracy")?.toFixed(4)} last`,
    ],
    [
      "Validation loss",
      loss && `${loss.value.toFixed(4)} at best (epoch ${loss.epoch}), ${last("val_loss")?.toFixed(4)} last`,
    ],
    ["Seconds", seconds?.toFixed(1)],
    ["SHA-256 of the weights", weightsSha256],
  ];
  const cells = entries
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<tr><th>${name}</th><td class="hash">${escapeHtml(value!)}</td></tr>`);
  return `<table>${cells.join("")}</table>`;
}

function curves({ history, settings }: RunRecord): string {
  if (history.epochs.length === 0) return note("No epoch is complete yet.");
  const title = `${settings.network ?? ""}, seed ${settings.seed ?? "?"}`;
  return `<div class="wide">${curvesSvg(history, { title })}</div>`;
}

function gradientNorms({ watch }: RunRecord): string {
  const told = watch.filter((line) => line.step === undefined && line.gradientNorms);
  const layers = [...new Set(told.flatMap(({ gradientNorms = {} }) => Object.keys(gradientNorms)))];
  if (layers.length === 0) return note("None were noted.");
  const series = layers.map((name) => ({
    name,
    points: told.map(({ epoch, gradientNorms }) => ({ epoch, value: gradientNorms?.[name] ?? Number.NaN })),
  }));
  const title = "Norm of each layer's gradient, in each epoch's last step";
  return `<div class="wide">${overlaySvg(series, { title, label: "‖gradient‖", log: true })}</div>`;
}

function confusionTables({ classes, matrix, what }: ReportConfusion): string {
  const nameOf = (i: number) => classes[i] ?? `class ${i}`;
  const total = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const count = total.reduce((a, b) => a + b, 0);
  const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
  const head = `<p>${escapeHtml(what)}: ${right} of ${count} right, ${percent(right / count)}.</p>`;
  const mistakes = matrix
    .flatMap((row, t) => row.map((n, p) => ({ t, p, n })))
    .filter(({ t, p, n }) => t !== p && n > 0)
    .sort((a, b) => b.n - a.n)
    .slice(0, MOST_MISTAKES)
    .map(
      ({ t, p, n }) =>
        `<tr><td class="number">${n}</td><td>${escapeHtml(`${nameOf(t)}, taken for ${nameOf(p)}`)}</td></tr>`,
    );
  const worst =
    mistakes.length > 0 ? `<p>Most frequent mistakes:</p><table>${mistakes.join("")}</table>` : "";
  if (matrix.length > MOST_CLASSES) return `${head}${worst}`;
  const columns = matrix.map((_, i) => `<th>${escapeHtml(nameOf(i))}</th>`).join("");
  const body = matrix.map((row, t) => {
    const cells = row.map((n, p) => {
      const share = total[t] > 0 ? n / total[t] : 0;
      const hue = t === p ? "66, 105, 208" : "255, 114, 92";
      return `<td style="background: rgba(${hue}, ${share.toFixed(3)})">${n || ""}</td>`;
    });
    const predicted = matrix.reduce((sum, other) => sum + other[t], 0);
    const recall = total[t] > 0 ? percent(row[t] / total[t]) : "–";
    const precision = predicted > 0 ? percent(row[t] / predicted) : "–";
    return `<tr><th>${escapeHtml(nameOf(t))}</th>${cells.join("")}<td class="number">${recall}</td><td class="number">${precision}</td></tr>`;
  });
  return (
    `${head}<div class="wide"><table class="matrix"><thead><tr><th></th>${columns}<th>recall</th><th>precision</th></tr></thead>` +
    `<tbody>${body.join("\n")}</tbody></table></div>` +
    `<p class="note">A row is what the images are, a column what they were taken for; the shade is the share of the row.</p>${worst}`
  );
}

function filterImage({ layer, width, height, pixels }: FilterPicture): string {
  const png = encode({ width, height, data: pixels, channels: 3, depth: 8 });
  const data = Buffer.from(png).toString("base64");
  const zoom = Math.max(1, Math.min(4, Math.floor(480 / width)));
  return (
    `<img class="filters" alt="filters of ${escapeHtml(layer)}" width="${width * zoom}" height="${height * zoom}" src="data:image/png;base64,${data}">` +
    note(`${layer}, each filter with its own contrast; of the best weights where there are any.`)
  );
}

function command({ result }: RunRecord): string {
  if (!result) return note("Not noted: the run has not come to its end.");
  return `<pre>${escapeHtml(result.command)}</pre>${rows(Object.entries(result.environment))}`;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
