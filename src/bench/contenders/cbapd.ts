/** We ourselves. Before anything is timed, two steps must give the same bits with another number of workers. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { CbapdError } from "../../errors.js";
import { weightsSha256 } from "../../train/checkpoint.js";
import { openStepSession, type StepSettings, stretchOf } from "../stepSession.js";
import type { Contender } from "./contender.js";

const CHECKED_STEPS = 2;

export async function cbapdContender(settings: StepSettings): Promise<Contender> {
  await checkBitsElsewhere(settings);
  const steps = await openStepSession(settings);
  let stretch = Math.min(2, steps.most);
  return {
    version: ownVersion(),
    async measure(ms) {
      const until = performance.now() + ms;
      const times: number[] = [];
      do {
        const stepMs = await steps.run(stretch);
        times.push(stepMs);
        stretch = stretchOf(stepMs, steps.most);
      } while (performance.now() < until);
      return times;
    },
    close: () => steps.close(),
  };
}

function ownVersion(): string {
  const path = createRequire(import.meta.url).resolve("cbapd/package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

/** `checkBits` in a process of its own. @throws CbapdError */
async function checkBitsElsewhere(settings: StepSettings): Promise<void> {
  const child = spawn(
    process.execPath,
    [createRequire(import.meta.url).resolve("#contender"), JSON.stringify(settings), "--check-bits"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const said = await text(child.stdout);
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.on("exit", resolve)));
  if (code === 0) return;
  const [line] = said.trim().split("\n");
  const { failed } = line ? (JSON.parse(line) as { failed?: string }) : {};
  throw new CbapdError(failed ?? `${settings.network}: the process that checks the bits ended with ${code}.`);
}

/** @throws CbapdError */
export async function checkBits(settings: StepSettings): Promise<void> {
  const result = async (workers: number): Promise<string> => {
    const steps = await openStepSession({ ...settings, workers });
    try {
      await steps.run(Math.min(CHECKED_STEPS, steps.most));
      if (settings.mode === "training") return weightsSha256(steps.session.readWeights());
      return JSON.stringify(await steps.session.evaluate());
    } finally {
      await steps.close();
    }
  };
  const other = settings.workers === 1 ? 2 : 1;
  if ((await result(settings.workers)) !== (await result(other))) {
    throw new CbapdError(
      `${settings.network}: ${settings.workers} and ${other} workers give different results.`,
    );
  }
}
