/** Own picture, own network, exercises: by click and by keyboard, held against the library. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readKerasConfig } from "../../src/export/readKerasConfig.js";
import { models, summaryData } from "../../src/index.js";
import { conv2d, maxPooling2d, ndarray } from "../../src/reference/index.js";
import { hasChromium, openChromium } from "../support/browser.js";
import { type LabHost, openLab, settled, standing, startLab } from "../support/lab.js";

describe.skipIf(!hasChromium)("in the lab", () => {
  let browser: Browser;
  let lab: LabHost;
  beforeAll(async () => {
    [browser, lab] = await Promise.all([openChromium(), startLab()]);
  });
  afterAll(() => Promise.all([browser?.close(), lab?.close()]));

  /** The probabilities as they are shown. */
  const verdict = async (page: Page) =>
    (await page.locator(".verdict td[data-class]").allTextContents()).join();
  const changed = async (page: Page, before: string) => {
    await expect.poll(() => verdict(page), { timeout: 20_000 }).not.toBe(before);
    return verdict(page);
  };

  it("a drawing, a test image and a file are classified; the drawing by mouse and by keyboard", async () => {
    const { page, complaints, close } = await openLab(browser, `${lab.origin}/#/own?network=baseline`);
    const canvas = page.getByRole("button", { name: /^Drawing/ });
    const first = await changed(page, "");
    expect(first.split(",")).toHaveLength(10);
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 180, box.y + 160, { steps: 12 });
    await page.mouse.up();
    const drawn = await changed(page, first);
    await page.getByRole("radio", { name: "red" }).focus();
    await page.keyboard.press("Space");
    await canvas.focus();
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Space");
    }
    const painted = await changed(page, drawn);
    await page.locator(".drawing details summary").click();
    // The table's cells appear some time after it is opened.
    await expect
      .poll(() => page.locator(".drawing td", { hasText: "214 40 40" }).count())
      .toBeGreaterThan(20);
    await page.getByRole("button", { name: "A test image" }).click();
    const example = await changed(page, painted);

    // 64×64, upper half white, lower half black: as pixels of the network, 16 rows of each.
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i < 32 * 64 * 3 ? 255 : 0));
    const folder = mkdtempSync(join(tmpdir(), "cbapd-lab-"));
    writeFileSync(join(folder, "half.png"), encode({ width: 64, height: 64, channels: 3, data }));
    writeFileSync(join(folder, "none.png"), "no picture");
    const file = page.locator("input[type=file]");
    await file.setInputFiles(join(folder, "half.png"));
    await changed(page, example);
    const cells = page.locator(".drawing tbody tr").nth(4).locator("td");
    await expect.poll(() => cells.first().textContent()).toBe("255 255 255");
    expect(await page.locator(".drawing tbody tr").nth(27).locator("td").first().textContent()).toBe("0 0 0");
    await file.setInputFiles(join(folder, "none.png"));
    expect(await page.getByRole("alert").textContent()).toBe(
      "none.png is no picture that this browser can read.",
    );
    expect(complaints).toEqual([]);
    await close();
  });

  it("a network is edited, refused in the library's words, exported, and trained", async () => {
    const { page, complaints, close } = await openLab(browser, `${lab.origin}/#/own`);
    await page.getByLabel("Begin with").selectOption("lenet5");
    const rows = page.locator(".editor tbody tr");
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(8);
    const parameters = page.locator("[data-figure=parameters]");
    const expected = summaryData(models.lenet5());
    await expect.poll(() => parameters.textContent()).toBe(expected.totalParameters.toLocaleString("en-US"));
    expect(await rows.nth(0).locator("td").nth(1).textContent()).toBe("28×28×6");

    await page.getByLabel("conv2d: filters").fill("8");
    await expect.poll(() => rows.nth(0).locator("td").nth(1).textContent()).toBe("28×28×8");
    await page.getByLabel("conv2d: kernelSize").fill("0");
    const alert = page.getByRole("alert");
    await expect.poll(() => alert.textContent()).toContain("conv2d: kernelSize must be");
    await page.getByLabel("conv2d: kernelSize").fill("40");
    await expect.poll(() => alert.textContent()).toContain("conv2d");
    await page.getByLabel("conv2d: kernelSize").fill("5,3");
    await expect.poll(() => rows.nth(0).locator("td").nth(1).textContent()).toBe("28×30×8");

    // By keyboard: the last layer goes, which leaves no softmax; then it comes back.
    await page.getByRole("button", { name: "Remove dense_2" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => rows.count()).toBe(7);
    await page.getByLabel("Add a layer").selectOption("dense");
    await page.getByRole("button", { name: "Add", exact: true }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => rows.count()).toBe(8);
    await page.goBack();
    await expect.poll(() => rows.count()).toBe(7);
    await page.goForward();
    await expect.poll(() => rows.count()).toBe(8);
    await settled(page);

    const code = page.locator(".file-text pre");
    await expect.poll(() => code.textContent()).toContain("layers.conv2d({");
    const shown = (await parameters.textContent())!.replaceAll(",", "");
    await page.getByRole("button", { name: "model.json", exact: true }).click();
    await expect.poll(() => code.textContent()).toContain("class_name");
    const { graph } = readKerasConfig(JSON.parse((await code.textContent())!), "model.json");
    expect(summaryData(graph).totalParameters).toBe(Number(shown));
    expect(await page.locator(".export .copy-text code").textContent()).toMatch(/^cbapd train model\.json /);

    await page.getByRole("link", { name: "Train this network" }).click();
    const before = await standing(page, 0);
    await page.getByRole("button", { name: "One step", exact: true }).click();
    expect(await standing(page, 1)).not.toBe(before);
    expect(complaints).toEqual([]);
    await close();
  });

  it("exercises are drawn from the seed; their answers are right; in print they stand on a page of their own", async () => {
    const { page, complaints, close } = await openLab(browser, `${lab.origin}/#/exercises?sheet=5`);
    const numbers = async (exercise: number, caption: string, answer: boolean) => {
      const place = page
        .locator(".exercises > li")
        .nth(exercise)
        .locator(answer ? ".answer" : ":scope > .matrices");
      const table = place.locator("table", {
        has: page.locator("caption", { hasText: new RegExp(`^${caption}$`) }),
      });
      return (await table.locator("td").allTextContents()).map((text) => Number(text.replace("−", "-")));
    };
    await page.getByRole("button", { name: "Show answers" }).focus();
    await page.keyboard.press("Enter");
    const text = (await page.locator(".exercises > li").nth(1).locator("p").textContent())!;
    const bias = Number(/bias (\S+)\. /.exec(text)![1].replace("−", "-"));
    const x = ndarray([1, 4, 4, 1], await numbers(1, "x", false));
    const k = ndarray([3, 3, 1, 1], await numbers(1, "k", false));
    expect(await numbers(1, "y", true)).toEqual([...conv2d(x, k, ndarray([1], [bias])).data]);
    const pooled = ndarray([1, 4, 4, 1], await numbers(2, "x", false));
    expect(await numbers(2, "y", true)).toEqual([...maxPooling2d(pooled).y.data]);
    const before = await page.locator(".exercises").textContent();
    await page.getByRole("button", { name: "Next sheet" }).click();
    await expect.poll(() => page.locator(".exercises").textContent()).not.toBe(before);
    await expect.poll(() => page.url(), { timeout: 30_000 }).toContain("sheet=6");
    await page.goBack();
    await expect.poll(() => page.locator(".exercises").textContent()).toBe(before);
    await page.emulateMedia({ media: "print" });
    expect(await page.locator("header.frame").isVisible()).toBe(false);
    expect(await page.locator(".exercises .answer").first().isVisible()).toBe(false);
    expect(await page.locator(".answer-sheet table").first().isVisible()).toBe(true);
    expect((await page.pdf({ format: "A4" })).length).toBeGreaterThan(10_000);
    expect(complaints).toEqual([]);
    await close();
  });
});
