/** How much memory this process can still have. */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

export interface MachineMemory {
  readonly bytes: number;
  /** What the figure is, for messages: "free on this machine". */
  readonly meaning: string;
}

/** Where files of the system are read; a seam for tests. */
export type ReadText = (path: string) => string | undefined;

/**
 * Under Linux what the kernel says is available, swap included, but no more than the control groups of this process allow:
 * their limit less what is in use, of which the file cache does not count. Elsewhere "free" memory leaves out what the system
 * would give back at once, so the machine's total is all that can be said.
 */
export function machineMemory(read: ReadText = readSystemFile): MachineMemory {
  const meminfo = read("/proc/meminfo");
  const available = field(meminfo, /^MemAvailable:\s+(\d+) kB/m);
  if (available === undefined) return { bytes: totalmem(), meaning: "in this machine" };
  const swap = field(meminfo, /^SwapFree:\s+(\d+) kB/m) ?? 0;
  const machine = { bytes: (available + swap) * 1024, meaning: "free on this machine" };
  const group = groupBytes(read);
  if (group === undefined || group >= machine.bytes) return machine;
  return { bytes: group, meaning: "left of this process' memory limit (control group)" };
}

/** The least that is left in this process' control group and those above it; undefined when none has a limit. */
function groupBytes(read: ReadText): number | undefined {
  const groups = read("/proc/self/cgroup") ?? "";
  const left: number[] = [];
  const version2 = /^0::(\/.*)$/m.exec(groups)?.[1];
  const version1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups)?.[1];
  if (version2 !== undefined) {
    for (const folder of foldersUp("/sys/fs/cgroup", version2)) {
      const limit = whole(read(`${folder}/memory.max`));
      const used = whole(read(`${folder}/memory.current`));
      if (limit === undefined || used === undefined) continue;
      left.push(limit - used + (field(read(`${folder}/memory.stat`), /^file (\d+)$/m) ?? 0));
    }
  }
  if (version1 !== undefined) {
    for (const folder of foldersUp("/sys/fs/cgroup/memory", version1)) {
      const limit = whole(read(`${folder}/memory.limit_in_bytes`));
      const used = whole(read(`${folder}/memory.usage_in_bytes`));
      if (limit === undefined || used === undefined) continue;
      left.push(limit - used + (field(read(`${folder}/memory.stat`), /^total_cache (\d+)$/m) ?? 0));
    }
  }
  return left.length > 0 ? Math.max(0, Math.min(...left)) : undefined;
}

/** The group's folder and all above it; in a container its own folder is the root. */
function foldersUp(root: string, path: string): string[] {
  const folders = [root];
  let folder = root;
  for (const part of path.split("/").filter((name) => name !== "" && name !== "..")) {
    folder += `/${part}`;
    folders.push(folder);
  }
  return folders;
}

function field(text: string | undefined, pattern: RegExp): number | undefined {
  const found = text === undefined ? null : pattern.exec(text);
  return found ? Number(found[1]) : undefined;
}

/** "max" is no limit. */
function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
