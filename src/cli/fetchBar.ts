/** Progress of fetching and decoding, on stderr. */
import { SingleBar } from "cli-progress";
import type { datasets } from "../index.js";

/** A bar for each phase (downloading, decoding), and nothing where stderr is no terminal. */
export function progressBar(): { readonly report: datasets.OnProgress; stop(): void } {
  if (!process.stderr.isTTY) return { report: () => {}, stop: () => {} };
  let bar: SingleBar | undefined;
  let phase = "";
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const report: datasets.OnProgress = (done, total, what) => {
    if (what !== phase) {
      stop();
      phase = what;
    }
    if (total === 0) return;
    if (!bar) {
      bar = new SingleBar({
        format: `${what} [{bar}] {percentage}% | {value}/{total} | {eta_formatted}`,
        formatValue: (value, _options, type) =>
          (type === "value" || type === "total") && total >= 1e6
            ? `${(value / 1e6).toFixed(1)} MB`
            : String(value),
        stream: process.stderr,
        barCompleteChar: "=",
        barIncompleteChar: ".",
      });
      bar.start(total, done);
    }
    bar.update(done);
  };
  return { report, stop };
}
