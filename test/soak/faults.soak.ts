/** A fault at every file call of a run: npm run test:soak -- faults. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FileError } from "../../src/errors.js";
import { FAULTS, FaultyFiles } from "../support/faultyFiles.js";
import { savedRun } from "../support/savedRun.js";
import { soakReport } from "../support/soak.js";
import { temporaryFolder } from "../support/temporary.js";

const contents = (path: string) =>
  readdirSync(path).map((name) => [name, readFileSync(join(path, name), "hex")]);

it("every call, every kind of fault in turn", async () => {
  const started = performance.now();
  const wholePath = join(temporaryFolder(), "run");
  const files = new FaultyFiles();
  const whole = await savedRun(wholePath, files);
  const { length } = files.calls;
  for (let failing = 0; failing < length; failing++) {
    const path = join(temporaryFolder(), "run");
    const fault = FAULTS[failing % FAULTS.length];
    const faulty = new FaultyFiles((call) => (call === failing ? fault : undefined));
    const run = await savedRun(path, faulty).catch((error: unknown) => error as Error);
    if (run instanceof Error) {
      expect(run).toBeInstanceOf(FileError);
      await savedRun(path);
    } else {
      expect(run.state, `call ${failing}`).toEqual(whole.state);
      await run.saver.finish(run.model.graph, run.state);
    }
    expect(contents(path), `call ${failing}, ${files.calls[failing]}`).toEqual(contents(wholePath));
  }
  soakReport("file calls at which one failed", length, started);
});
