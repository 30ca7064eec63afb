/**
 * A worker thread that breaks at a given place: src/workers/node-worker.ts, with the core's exports wrapped before it loads
 * them. `workerData.fault` says where and how: see faults.ts.
 */
import { threadId } from "node:worker_threads";
import { Piscina } from "piscina";

const { fault, memory, layout, threads, programs } = Piscina.workerData;
const words = new Int32Array(memory.buffer);
// Byte offsets in a thread's block: src/backend/wasm/state.ts.
const [STEP, PROGRAM, PLACE, PORT_ID] = [0, 36, 40, 48];

/** This thread's number, once it has one. */
function thread() {
  for (let number = 0; number < threads; number++) if (read(number, PORT_ID) === threadId) return number;
  return -1;
}

function read(number, offset) {
  return words[(layout.blocks + number * layout.ownBytes + offset) >>> 2];
}

function isDue(kernel) {
  const number = thread();
  if (number !== fault.thread || read(number, STEP) < fault.step) return false;
  const place = read(number, PLACE);
  const call = place >= 0 ? programs[read(number, PROGRAM)].calls[place >> 1] : undefined;
  if (kernel === "barrier") return fault.place === "barrier";
  return call?.label === fault.place;
}

/** A function of WebAssembly that loops for ever: `(func (loop (br 0)))`. */
function endless() {
  const bytes = [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    [1, 4, 1, 0x60, 0, 0],
    [3, 2, 1, 0],
    [7, 5, 1, 1, 0x66, 0, 0],
    [10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b],
  ];
  const module = new WebAssembly.Module(Uint8Array.from(bytes.flat()));
  return new OriginalInstance(module).exports.f();
}

const causes = {
  exit: () => process.exit(3),
  throw: () => {
    throw new Error("thrown by the test");
  },
  memory: () => {
    for (const hoard = []; ; ) hoard.push(new Array(1_000_000).fill(0.5));
  },
  terminated: () => {
    Atomics.wait(fault.signal, 1, 0); // whoever watches the signal ends this thread
  },
  endless,
};

/** Not a fault of the thread, but of a number that it has just computed: the second of the first output. */
function spoil() {
  const number = thread();
  const call = programs[read(number, PROGRAM)].calls[read(number, PLACE) >> 1];
  if (read(number, STEP) !== fault.step || call.outputs.length === 0) return;
  new Float32Array(memory.buffer)[(call.outputs[0].address >>> 2) + 1] = fault.value;
}

const OriginalInstance = WebAssembly.Instance;
WebAssembly.Instance = class {
  constructor(module, imports) {
    const { exports } = new OriginalInstance(module, imports);
    this.exports = Object.fromEntries(
      Object.entries(exports).map(([name, kernel]) => [
        name,
        (...args) => {
          const due = isDue(name);
          if (due && fault.cause === "number") {
            const result = kernel(...args);
            spoil();
            return result;
          }
          if (due) {
            fault.struckAt[0] = performance.timeOrigin + performance.now();
            Atomics.store(fault.signal, 0, threadId);
            causes[fault.cause]();
          }
          return kernel(...args);
        },
      ]),
    );
  }
};

const { default: run } = await import("#worker");
export default run;
