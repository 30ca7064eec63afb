/** The bar that moves while a network trains, as Keras draws it, and the line that remains of each epoch. */
import type { Logs, Progress } from "../index.js";

const WIDTH = 20;

/** `312/1563 [====>...............] 1.4ms/step - loss: 1.2300 - accuracy: 0.5600` */
export function progressLine({ step, steps, stepMs, logs, phase }: Progress): string {
  const count = `${String(step).padStart(String(steps).length)}/${steps}`;
  const done = Math.floor((step / steps) * WIDTH);
  const bar = step >= steps ? "=".repeat(WIDTH) : `${"=".repeat(done)}>${".".repeat(WIDTH - done - 1)}`;
  const what = phase === "validation" ? "validating " : "";
  return `${what}${count} [${bar}] ${stepMs.toFixed(1)}ms/step${showLogs(logs)}`;
}

/** ` - loss: 1.2300 - accuracy: 0.5600` */
export function showLogs(logs: Logs): string {
  return Object.entries(logs)
    .map(([name, value]) => ` - ${name}: ${value.toFixed(4)}`)
    .join("");
}

/** Draws over itself on a terminal, and nothing elsewhere. */
export class ProgressBar {
  readonly #stream = process.stderr;
  #drawn = false;

  draw(progress: Progress): void {
    if (!this.#stream.isTTY) return;
    const line = progressLine(progress).slice(0, (this.#stream.columns ?? 100) - 1);
    this.#stream.write(`\r\x1b[2K${line}`);
    this.#drawn = true;
  }

  clear(): void {
    if (!this.#drawn) return;
    this.#stream.write("\r\x1b[2K");
    this.#drawn = false;
  }
}
