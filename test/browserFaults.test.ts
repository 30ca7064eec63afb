/** A worker of a page's gang that breaks: an error that names it, soon, and the next fit works. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, libraryPage, openChromium, type PageServer, serve } from "./support/browser.js";

const root = new URL("../", import.meta.url);

interface Broken {
  readonly name: string;
  readonly message: string;
  readonly next: string;
}

describe.skipIf(!hasChromium)("in Chromium, one of two workers", () => {
  let browser: Browser;
  let server: PageServer;
  let page: Page;
  beforeAll(async () => {
    const pages = { "/": libraryPage("/test/browser/faults.js") };
    [browser, server] = await Promise.all([openChromium(), serve(root, { isolated: true, pages })]);
    page = await browser.newPage();
    await page.goto(server.origin);
    await page.waitForFunction("globalThis.ready");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const sums = new Set<string>();

  // Without the guards some of these errors come after a minute, or never.
  it.each([
    ["throws", /^worker 1 failed: \w+.*: thrown by the test/],
    ["loops", /^worker 1 is stuck in \w+.* \(\w+\): it computes and does not come to an end\./],
    ["terminated", /^worker 1 ended unexpectedly /],
    ["damaged", /^worker 1 failed .*: .*thrown by the test while loading\.$/],
    ["missing", /^worker 1 failed .*: its script could not be loaded\.$/],
  ])("%s", { timeout: 30_000 }, async (cause, message) => {
    const broken = (await page.evaluate(`breakWorker(${JSON.stringify(cause)})`)) as Broken;
    expect(broken).toMatchObject({ name: "WorkerError", message: expect.stringMatching(message) });
    expect(broken.next).toMatch(/^[0-9a-f]{64}$/);
    expect(sums.add(broken.next).size).toBe(1);
  });
});
