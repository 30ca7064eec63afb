/** What the library asks of the machine, in a page or a worker of one: see node.ts. */
import type * as Node from "./node.js";

export { sha256 } from "./sha256.js";

const GIB = 2 ** 30;
/** Browsers tell no more than this. */
const MOST_GIB_TOLD = 8;

/** Memory can be shared with other threads only in a page that is isolated from other sites. */
export const availableWorkers: typeof Node.availableWorkers = () =>
  globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;

/** Pages do not learn it. */
export const processorMs: typeof Node.processorMs = () => undefined;

/** Some browsers tell the machine's memory, roughly; for the others an allocation that fails must do. */
export const machineMemory = (): Node.MachineMemory => {
  const { deviceMemory = MOST_GIB_TOLD } = navigator as { deviceMemory?: number };
  const bytes = deviceMemory < MOST_GIB_TOLD ? deviceMemory * GIB : Number.POSITIVE_INFINITY;
  return { bytes, meaning: "in this machine, as the browser tells" };
};
