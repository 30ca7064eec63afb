/** What a stretch leaves in the control block about numbers that are not finite. */
import { CONTROL_BAD, CONTROL_FINDING, NOTHING_FOUND } from "./control.js";
import type { GangSetup, StretchResult, WorkerStretch } from "./gang.js";

/** Before a stretch. */
export function clearResult({ memory, layout }: GangSetup): void {
  const words = new Int32Array(memory.buffer);
  const bad = (layout.control + CONTROL_BAD) >>> 2;
  Atomics.store(words, bad, 0);
  Atomics.store(words, bad + 1, 0);
  Atomics.store(words, ((layout.control + CONTROL_FINDING) >>> 2) + 2, NOTHING_FOUND);
}

/** After a stretch of which `steps` were run. */
export function readResult(
  { memory, layout }: GangSetup,
  stretch: WorkerStretch,
  steps: number,
): StretchResult {
  const words = new Int32Array(memory.buffer);
  const bad = (layout.control + CONTROL_BAD) >>> 2;
  const finding = (layout.control + CONTROL_FINDING) >>> 2;
  const [call, output, index] = words.subarray(finding, finding + 3);
  if (index !== NOTHING_FOUND) {
    const whole = (stretch.from + 1) * stretch.batchSize <= stretch.count;
    const program = whole ? stretch.program : stretch.lastProgram;
    return { steps, bad: true, finding: { program, call, output, index } };
  }
  return { steps, bad: words[bad] !== 0 || words[bad + 1] !== 0 };
}
