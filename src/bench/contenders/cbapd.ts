/**
 * We ourselves. Before anything is timed, two steps must give the same bits with another number of workers; and the fast core
 * the strict one's probabilities, as any other.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { CbapdError } from "../../errors.js";
import { initialWeights } from "../../models/initializers.js";
import { NETWORKS } from "../../models/networks.js";
import { weightsSha256 } from "../../train/checkpoint.js";
import { Model } from "../../train/model.js";
import { adam } from "../../train/optimizers.js";
import { openStepSession, stretchOf } from "../stepSession.js";
import type { Assignment, Contender } from "./contender.js";

const CHECKED_STEPS = 2;

export async function cbapdContender(assignment: Assignment): Promise<Contender> {
  const probabilities = await checkElsewhere(assignment);
  const steps = await openStepSession(assignment);
  let stretch = Math.min(2, steps.most);
  return {
    version: ownVersion(),
    probabilities,
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

/** `check` in a process of its own, whose memory is nobody's figure. @throws CbapdError */
async function checkElsewhere(assignment: Assignment): Promise<readonly number[] | undefined> {
  const child = spawn(
    process.execPath,
    [createRequire(import.meta.url).resolve("#contender"), JSON.stringify(assignment), "--check"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const said = await text(child.stdout);
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.on("exit", resolve)));
  const [line] = said.trim().split("\n");
  const answer = line ? (JSON.parse(line) as { failed?: string; checked?: Checked }) : {};
  if (code === 0) return answer.checked?.probabilities;
  throw new CbapdError(
    answer.failed ?? `${assignment.network}: the process that checks the bits ended with ${code}.`,
  );
}

interface Checked {
  /** Of the shown images, by the fast core; the strict one's are what others are held against. */
  readonly probabilities?: readonly number[];
}

/** Holds the bits of one number of workers against those of another. @throws CbapdError */
export async function check(assignment: Assignment): Promise<Checked> {
  const { network, workers, fast = false } = assignment;
  const result = async (count: number): Promise<string> => {
    const steps = await openStepSession({ ...assignment, workers: count });
    try {
      await steps.run(Math.min(CHECKED_STEPS, steps.most));
      if (assignment.mode === "training") return weightsSha256(steps.session.readWeights());
      return JSON.stringify(await steps.session.evaluate());
    } finally {
      await steps.close();
    }
  };
  const other = workers === 1 ? 2 : 1;
  if ((await result(workers)) !== (await result(other))) {
    throw new CbapdError(`${network}: ${workers} and ${other} workers give different results.`);
  }
  if (!fast) return {};
  const graph = NETWORKS[network]();
  const model = new Model(graph, initialWeights(graph, 0));
  model.compile({ loss: "sparseCategoricalCrossentropy", optimizer: adam(), fast });
  const images = new Float32Array((await readFile(assignment.imagesPath)).buffer);
  return { probabilities: Array.from(await model.predict(images, { batchSize: assignment.shown })) };
}
