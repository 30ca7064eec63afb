/** The library in a page: the same names as in Node but for files, and the same bits. */
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, libraryPage, openChromium, type PageServer, serve } from "./support/browser.js";

const root = new URL("../", import.meta.url);
const hashes = JSON.parse(readFileSync(new URL("determinism/hashes.json", import.meta.url), "utf8"));

interface Trained {
  readonly sums: string[];
  readonly heard: { readonly batch: number; readonly loss: number }[];
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser?.close());

  describe.each([true, false])("isolated: %s", (isolated) => {
    let server: PageServer;
    let page: Page;
    const complaints: string[] = [];
    beforeAll(async () => {
      server = await serve(root, { isolated, pages: { "/": libraryPage("/test/browser/train.js") } });
      page = await browser.newPage();
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => complaints.push(message.text()));
      await page.goto(server.origin);
      await page.waitForFunction("globalThis.ready");
    });
    afterAll(async () => {
      await page.close();
      await server.close();
      expect(complaints).toEqual([]);
    });

    it.each([
      ["lenet5", 1],
      ["lenet5", 2],
      ["baseline", 1],
      ["baseline", 2],
    ])("%s, 20 steps, %i workers: the bits of Node", async (name, workers) => {
      const { sums, heard } = (await page.evaluate(`train(${JSON.stringify({ name, workers })})`)) as Trained;
      expect(sums).toEqual([hashes.weights[name], hashes.weights[name]]);
      expect(heard.map(({ batch }) => batch)).toEqual([...Array(10).keys(), ...Array(10).keys()]);
      expect(heard.every(({ loss }) => loss > 0 && loss < 10)).toBe(true);
    });
  });
});
