/** Every page of the lab, in both languages, dark and light: axe finds nothing, nothing is wider than the screen, all is said. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openChromium } from "../support/browser.js";
import { type LabHost, openLab, settled, startLab } from "../support/lab.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe has against the page as it is now. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

/** A chart has axes at least. */
const blankCharts = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const drawn = ({ width, height }: HTMLCanvasElement, context: CanvasRenderingContext2D) =>
      width > 0 && new Set(new Uint32Array(context.getImageData(0, 0, width, height).data.buffer)).size > 1;
    const charts = [...document.querySelectorAll<HTMLCanvasElement>(".chart canvas")];
    return charts.filter((canvas) => !drawn(canvas, canvas.getContext("2d")!)).length;
  });

describe.skipIf(!hasChromium)("each page", () => {
  let browser: Browser;
  let lab: LabHost;
  beforeAll(async () => {
    [browser, lab] = await Promise.all([openChromium(), startLab()]);
  });
  afterAll(() => Promise.all([browser?.close(), lab?.close()]));

  it.each([
    ["en-US", "light", 1280],
    ["zh-CN", "dark", 820],
  ] as const)(
    "%s, %s, %i wide",
    async (locale, colorScheme, width) => {
      const viewport = { width, height: 720 };
      const { page, complaints, close } = await openLab(browser, lab.origin, {
        locale,
        colorScheme,
        viewport,
      });
      const names = await page
        .locator("header nav a")
        .evaluateAll((links) => links.map((link) => link.getAttribute("href")!));
      expect(names.length).toBeGreaterThan(1);
      for (const href of names) {
        await page.goto(`${lab.origin}/${href}`);
        await page.locator("main h1").waitFor();
        await settled(page);
        expect(await findings(page), href).toEqual([]);
        expect(await blankCharts(page), `${href}: charts on which nothing is drawn`).toBe(0);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, `${href} is wider than the screen`).toBeLessThanOrEqual(0);
        expect(await page.evaluate(() => document.documentElement.lang)).toBe(locale);
        const hasChinese = /[\u4e00-\u9fff]/.test((await page.locator("main h1").textContent())!);
        expect(hasChinese, href).toBe(locale === "zh-CN");
      }
      expect(complaints).toEqual([]);
      await close();
    },
    300_000,
  );

  it("language and theme can be switched by keyboard, and are remembered", async () => {
    const { page, close } = await openLab(browser, lab.origin);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the page");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await page.getByRole("button", { name: "Dark" }).focus();
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await page.getByLabel("Language").selectOption("zh");
    expect(await page.locator("main h1").textContent()).toBe("训练");
    await page.reload();
    expect(await page.locator("main h1").textContent()).toBe("训练");
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await close();
  });
});
