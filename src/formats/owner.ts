/**
 * Which process made a file: a tag that goes into the file's name, and whether that process still lives. A process number
 * alone does not tell: it is used again, after a while or after the next start of the machine.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** "unknown": on another machine, or in another container, where we cannot look. */
export type Fate = "alive" | "dead" | "unknown";

const UNKNOWN = "0";

/** What a tag looks like, for use in larger patterns: process, its start, host, start of the machine, process namespace. */
export const TAG = /\d+-[0-9a-z]+-[0-9a-f]{8}-(?:[0-9a-f]{8}|0)-(?:[0-9a-f]{8}|0)/;
const TAG_ALONE = new RegExp(`^${TAG.source}$`);

export interface Owner {
  readonly pid: number;
  /** When the process started, in a unit of the platform's; "0" where it cannot be had. */
  readonly start: string;
  readonly host: string;
  readonly boot: string;
  readonly space: string;
}

let own: Owner | undefined;

/** This process. */
export function thisProcess(): Owner {
  own ??= {
    pid: process.pid,
    start: stateOf(process.pid)?.start ?? UNKNOWN,
    host: digest(hostname()),
    boot: digest(quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"))),
    space: digest(quietly(() => readlinkSync("/proc/self/ns/pid"))),
  };
  return own;
}

export function tagOf({ pid, start, host, boot, space }: Owner): string {
  return [pid, start, host, boot, space].join("-");
}

/** @returns undefined when it is no tag */
export function ownerOf(tag: string): Owner | undefined {
  if (!TAG_ALONE.test(tag)) return undefined;
  const [pid, start, host, boot, space] = tag.split("-");
  return { pid: Number(pid), start, host, boot, space };
}

export function fateOf(owner: Owner): Fate {
  const here = thisProcess();
  if (owner.host !== here.host) return "unknown";
  if (owner.boot !== here.boot) return "dead"; // the machine has been started again since
  if (owner.space !== here.space) return "unknown";
  if (!pidInUse(owner.pid)) return "dead";
  const state = stateOf(owner.pid);
  if (!state) return "alive";
  if (state.zombie) return "dead"; // killed, only its parent has not asked yet
  const same = owner.start === UNKNOWN || state.start === UNKNOWN || owner.start === state.start;
  return same ? "alive" : "dead";
}

export function pidInUse(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function stateOf(pid: number): { start: string; zombie: boolean } | undefined {
  if (process.platform === "linux") {
    // "4242 (any name) S 1 …": the state is field 3, the start in clock ticks since boot field 22 (proc(5)).
    const text = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
    const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields && { start: Number(fields[19]).toString(36), zombie: /[ZXx]/.test(fields[0]) };
  }
  if (process.platform === "win32") return undefined;
  const text = quietly(() =>
    execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 5000,
    }),
  );
  const [, stat, started] = /^\s*(\S+)\s+(.+?)\s*$/.exec(text ?? "") ?? [];
  const seconds = Date.parse(started) / 1000;
  return stat === undefined
    ? undefined
    : {
        start: Number.isInteger(seconds) ? seconds.toString(36) : UNKNOWN,
        zombie: stat.startsWith("Z"),
      };
}

function digest(text: string | undefined): string {
  return text === undefined ? UNKNOWN : createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** Undefined where the platform, or a permission that is not given, does not let us look. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
