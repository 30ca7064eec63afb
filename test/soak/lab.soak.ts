/** The lab's page trains for minutes and holds no more memory at the end than after its first minute. */
import { readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openChromium } from "../support/browser.js";
import { figure, type LabHost, openLab, standing, startLab } from "../support/lab.js";

const MINUTES = Number(process.env.CBAPD_COUNT ?? 5);
const MINUTE_MS = 60_000;
/** What garbage collectors leave lying about between their rounds. */
const SLACK_MB = 48;

describe.skipIf(!hasChromium)("the lab", () => {
  let browser: Browser;
  let lab: LabHost;
  beforeAll(async () => {
    [browser, lab] = await Promise.all([openChromium(), startLab()]);
  });
  afterAll(() => Promise.all([browser?.close(), lab?.close()]));

  /** Proportional set size of the browser's renderers: what the page and its workers really hold. */
  async function heldMb(): Promise<number> {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    const sizes = processInfo
      .filter(({ type }) => type === "renderer")
      .map(({ id }) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))![1]));
    return sizes.reduce((sum, size) => sum + size, 0) / 1024;
  }

  it(`trains for ${MINUTES} minutes within the memory of its first`, async () => {
    const { page, complaints, close } = await openLab(
      browser,
      `${lab.origin}/#/train?data=shapes&network=baseline`,
    );
    await standing(page, 0);
    await page.getByRole("button", { name: "Start", exact: true }).click();
    const sizes: number[] = [];
    for (let minute = 0; minute < MINUTES; minute++) {
      await page.waitForTimeout(MINUTE_MS);
      sizes.push(await heldMb());
    }
    const steps = Number((await figure(page, "step")).replaceAll(",", ""));
    console.log(`${steps} steps; MB after each minute: ${sizes.map((size) => size.toFixed(0)).join(", ")}`);
    expect(steps).toBeGreaterThan(100);
    expect(Math.min(...sizes.slice(-2)), sizes.join()).toBeLessThan(sizes[0] + SLACK_MB);
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    expect(complaints).toEqual([]);
    await close();
  });
});
