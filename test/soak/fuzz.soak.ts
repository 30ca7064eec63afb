/** A million hostile files, in child processes of 50,000. */
import { expect, it } from "vitest";
import { fuzz } from "../support/fuzz.js";
import { soakCount, soakReport, soakSeed } from "../support/soak.js";

const PIECE = 50_000;

it("refuses or reads a million hostile files", () => {
  const started = performance.now();
  const count = soakCount(1_000_000);
  let done = 0;
  let accepted = 0;
  const codes = new Set<string>();
  const worst = { ms: 0, bytes: 0, maxRssBytes: 0 };
  for (let piece = 0; done < count; piece++) {
    const report = fuzz(Math.min(PIECE, count - done), soakSeed() + piece, 20);
    done += report.total;
    accepted += report.accepted;
    for (const code of Object.keys(report.refused)) codes.add(code);
    worst.ms = Math.max(worst.ms, report.worst.ms);
    worst.bytes = Math.max(worst.bytes, report.worst.bytes);
    worst.maxRssBytes = Math.max(worst.maxRssBytes, report.maxRssBytes);
  }
  soakReport(
    `hostile files (${accepted} accepted, ${codes.size} codes, worst ${JSON.stringify(worst)})`,
    done,
    started,
    soakSeed() + Math.ceil(count / PIECE),
  );
  expect(done).toBeGreaterThanOrEqual(count);
});
