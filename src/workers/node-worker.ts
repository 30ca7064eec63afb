/** What a Piscina thread runs. A thread takes its number when it starts, and keeps it. */
import { readlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import { threadId } from "node:worker_threads";
import { Piscina } from "piscina";
import { STATE_PORT_ID, STATE_SYSTEM_ID } from "../backend/wasm/state.js";
import { CONTROL_NEXT_THREAD } from "./control.js";
import type { GangSetup, WorkerStretch } from "./gang.js";
import { Runner } from "./runner.js";

const setup = Piscina.workerData as GangSetup;
const { control, blocks, ownBytes } = setup.layout;
const words = new Int32Array(setup.memory.buffer);
const thread = Atomics.add(words, (control + CONTROL_NEXT_THREAD) >>> 2, 1);
const block = blocks + thread * ownBytes;
words[(block + STATE_PORT_ID) >>> 2] = threadId;
words[(block + STATE_SYSTEM_ID) >>> 2] = systemThreadId();
const runner = new Runner(setup, thread, availableParallelism());

export default function run(stretch: WorkerStretch): number {
  return runner.run(stretch);
}

/** Under Linux the number by which /proc knows this thread; 0 elsewhere. */
function systemThreadId(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return 0;
  }
}
