/** The train page: the bits of the command line, isolated and not, by click and by keyboard; offline; nothing from elsewhere. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasChromium, openChromium } from "../support/browser.js";
import { cbapd, figure, type LabHost, openLab, plainHost, standing, startLab } from "../support/lab.js";
import { temporaryFolder } from "../support/temporary.js";

/** Twenty steps are an epoch of `shapes` then. */
const TWENTY = "data=shapes&batch=100";

describe.skipIf(!hasChromium)("the train page", () => {
  let browser: Browser;
  let lab: LabHost;
  let plain: LabHost;
  beforeAll(async () => {
    [browser, lab, plain] = await Promise.all([openChromium(), startLab(), plainHost()]);
  });
  afterAll(() => Promise.all([browser?.close(), lab?.close(), plain?.close()]));

  const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
  /** What the command that the page shows says about the weights. */
  const hashes = new Map<string, string>();
  const hashOf = async (command: string): Promise<string> => {
    const [, ...args] = command.split(" ");
    const run = ["--json", "--run", `${temporaryFolder()}/run`];
    if (!hashes.has(command)) hashes.set(command, JSON.parse(await cbapd(...args, ...run)).weightsSha256);
    return hashes.get(command)!;
  };

  it.each([
    ["lenet5", "isolated", 1],
    ["lenet5", "isolated", 2],
    ["lenet5", "plain", 1],
    ["baseline", "isolated", 1],
    ["baseline", "isolated", 2],
    ["baseline", "plain", 1],
  ])(
    "%s, %s, %i workers: 20 steps give the hash of the command that it shows",
    async (network, host, workers) => {
      const { origin } = host === "plain" ? plain : lab;
      const { page, complaints, close } = await openLab(
        browser,
        `${origin}#/train?network=${network}&${TWENTY}`,
      );
      await standing(page, 0);
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(host === "isolated");
      const choice = page.getByLabel("Workers");
      if (host === "isolated") await choice.selectOption(String(workers));
      else expect(await choice.isDisabled()).toBe(true);
      await press(page, "One epoch");
      const hash = await standing(page, 20);
      const command = (await page.locator(".proof code").nth(1).textContent())!;
      expect(command).toBe(`cbapd train ${network} --data shapes --batch-size 100 --steps 20`);
      expect(hash).toBe(await hashOf(command));
      expect(complaints).toEqual([]);
      await close();
    },
  );

  it("by keyboard: a step, a start, a pause; curves, predictions and the confusion matrix follow", async () => {
    const { page, complaints, close } = await openLab(browser, `${lab.origin}#/train?network=lenet5&seed=3`);
    const before = await standing(page, 0);
    await page.getByRole("button", { name: "One step", exact: true }).focus();
    await page.keyboard.press("Enter");
    const after = await standing(page, 1);
    expect(after).not.toBe(before);
    await page.getByRole("button", { name: "Start", exact: true }).focus();
    await page.keyboard.press("Space");
    const button = page.getByRole("button", { name: "Pause", exact: true });
    await button.waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".chart .legend").length === 2);
    // Past the first epoch of seven steps, so that there is a validation.
    await page.waitForFunction(() => Number(document.querySelector("[data-figure=step]")?.textContent) > 8);
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Start", exact: true }).waitFor();
    const step = Number(await figure(page, "step"));
    expect(await standing(page, step)).not.toBe(after);
    expect(await page.locator(".prediction").count()).toBe(20);
    const cells = await page.locator(".confusion td").allTextContents();
    expect(cells.reduce((sum, cell) => sum + Number(cell), 0)).toBe(200);
    await page.locator(".chart details summary").first().click();
    await page.locator(".chart").first().locator("tbody tr").nth(1).waitFor();
    expect(complaints).toEqual([]);
    await close();
  });

  it("from where the run stands the next step is taken apart: its hash is training's", async () => {
    const { page, complaints, close } = await openLab(
      browser,
      `${lab.origin}#/train?network=lenet5&width=0.5&${TWENTY}`,
    );
    await standing(page, 0);
    await press(page, "One epoch");
    await standing(page, 20);
    await press(page, "One step");
    await standing(page, 21);
    await page.getByRole("link", { name: "Take step 22 apart, number by number" }).click();
    const hash = await hashOf("cbapd train lenet5 --width 0.5 --data shapes --batch-size 100 --steps 22");
    const shown = () => page.locator(".walk code").textContent();
    await expect.poll(shown, { timeout: 60_000 }).toBe(hash);
    expect(await page.getByLabel("Steps taken before").inputValue()).toBe("21");
    // Without the page's run the same address gives the same numbers: training goes there.
    await page.reload();
    await expect.poll(shown, { timeout: 60_000 }).toBe(hash);
    expect(complaints).toEqual([]);
    await close();
  });

  it("the address holds the setup; a change of it is a fresh run, and what makes no sense is said", async () => {
    const { page, close } = await openLab(
      browser,
      `${lab.origin}#/train?network=vgg16&optimizer=sgd&rate=0.05&seed=7&batch=16&data=nonsense`,
    );
    await standing(page, 0);
    expect(await page.getByLabel("Network").inputValue()).toBe("vgg16");
    expect(await page.getByLabel("Width").inputValue()).toBe("0.125");
    expect(await page.getByLabel("Optimizer").inputValue()).toBe("sgd");
    expect(await page.getByLabel("Data").inputValue()).toBe("sample");
    await page.getByLabel("Network").selectOption("lenet5");
    await page.getByLabel("Seed").fill("8");
    // The address follows a moment later.
    await expect.poll(() => page.url(), { timeout: 30_000 }).toContain("seed=8");
    expect(page.url()).toContain("network=lenet5");
    await page.getByLabel("Seed").fill("-1");
    await page.getByText("A whole number from 0 to 4294967295.").waitFor();
    expect(page.url()).toContain("seed=8");
    await page.getByLabel("Learning rate").fill("1e38");
    await standing(page, 0);
    await press(page, "One epoch");
    // The library's words.
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(
      /^dense_2: its output must be finite; got Infinity at \[0, \d\] \(forward, step 2 of epoch 1\)\.$/,
    );
    await close();
  });

  it("once loaded it needs no network, not even to be loaded again; and all it asked for was its own", async () => {
    const { page, requests, close } = await openLab(browser, `${lab.origin}/#/train?network=lenet5`);
    await standing(page, 0);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.context().setOffline(true);
    await press(page, "One step");
    await standing(page, 1);
    await page.reload();
    await standing(page, 0);
    await press(page, "One step");
    await standing(page, 1);
    expect(requests.length).toBeGreaterThan(4);
    for (const url of requests) expect(new URL(url).origin).toBe(lab.origin);
    await close();
  });
});
