/**
 * The process of a contender that is written in JavaScript: see contender.ts. With `--check` it takes no part, but checks what
 * another process will time.
 */
import { createInterface } from "node:readline";
import type { Assignment, Contender } from "./contender.js";

const assignment = JSON.parse(process.argv[2]) as Assignment;
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

try {
  if (process.argv[3] === "--check") say({ checked: await (await import("./cbapd.js")).check(assignment) });
  else await takePart();
} catch (error) {
  say({ failed: (error as Error).message });
  process.exitCode = 1;
}

async function takePart(): Promise<void> {
  const contender = await start();
  await contender.measure(assignment.warmUpMs);
  const { version, probabilities } = contender;
  say({ ready: { version, probabilities } });
  for await (const line of createInterface({ input: process.stdin })) {
    const { measureMs } = JSON.parse(line) as { measureMs: number };
    say({ stepMs: await contender.measure(measureMs) });
  }
  await contender.close();
  say({ peakRssMb: (process.resourceUsage().maxRSS * 1024) / 1e6 });
}

async function start(): Promise<Contender> {
  switch (assignment.contender) {
    case "tfjs-wasm":
      return (await import("./tfjs.js")).tfjsContender(assignment, "wasm");
    case "tfjs-cpu":
      return (await import("./tfjs.js")).tfjsContender(assignment, "cpu");
    case "cbapd":
    case "cbapd-fast":
      return (await import("./cbapd.js")).cbapdContender(assignment);
    case "pytorch":
      throw new Error("PyTorch speaks Python: contender.py");
  }
}
