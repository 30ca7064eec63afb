/** What a Piscina thread runs. A thread takes a worker's number when it starts, and keeps it. */
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { CONTROL_NEXT_WORKER } from "./control.js";
import type { GangSetup, WorkerStretch } from "./gang.js";
import { Runner } from "./runner.js";

const setup = Piscina.workerData as GangSetup;
const words = new Int32Array(setup.memory.buffer);
const worker = Atomics.add(words, (setup.layout.control + CONTROL_NEXT_WORKER) >> 2, 1);
const runner = new Runner(setup, worker, availableParallelism());

export default function run(stretch: WorkerStretch): number {
  return runner.run(stretch);
}
