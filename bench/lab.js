/**
 * The lab's figures, `node bench/lab.js [network] [rounds]`: images a second in the tab and in Node, by turns, so that a machine that is
 * busy with other things is so for both; what the first load takes; and how long a key press waits for its frame while it trains.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const [network = "baseline", rounds = "3"] = process.argv.slice(2);
const IMAGES = 2000;
/** Epochs before those that are measured. */
const WARM_UP = 3;
const run = promisify(execFile);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const server = spawn(process.execPath, [MAIN, "lab", "--port", "0", "--json"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(createInterface({ input: server.stdout }), "line");
const { port } = JSON.parse(line);
const browser = await chromium.launch({
  executablePath: process.env.CBAPD_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
});
const speed = { tab: [], node: [] };
try {
  const page = await browser.newPage();
  await page.goto(`http://localhost:${port}/#/train?network=${network}&data=shapes`);
  await page.locator("button.primary:enabled").waitFor({ timeout: 120_000 });
  const load = await page.evaluate(() => {
    const [{ domContentLoadedEventEnd }] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    const bytes = performance
      .getEntriesByType("resource")
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    return { domContentLoadedMs: domContentLoadedEventEnd, firstPaintMs: paint?.startTime, bytes };
  });
  console.log("first load:", load);

  for (let round = -WARM_UP; round < Number(rounds); round++) {
    // Both by their own report of the last full epoch's training steps: no start-up, no validation, code that is optimised by then.
    const heard = page.evaluate(() => {
      const speeds = [];
      const figure = document.querySelector("[data-figure=speed]");
      return new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          const value = Number(figure.textContent.replaceAll(",", ""));
          if (value > 0) speeds.push(value);
        });
        observer.observe(figure, { childList: true, characterData: true, subtree: true });
        addEventListener("epoch-done", () => resolve(speeds), { once: true });
      });
    });
    await page.getByRole("button", { name: "One epoch", exact: true }).click();
    await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
    await page.locator("button.primary:enabled", { hasText: "Start" }).waitFor({ timeout: 600_000 });
    await page.evaluate(() => dispatchEvent(new Event("epoch-done")));
    const tab = median(await heard);
    if (round < 0) continue;
    speed.tab.push(tab);
    const folder = join(mkdtempSync(join(tmpdir(), "cbapd-lab-bench-")), "run");
    const script = `
      const { datasets, models } = await import(${JSON.stringify(fileURLToPath(new URL("../dist/index.js", import.meta.url)))});
      const { train, test } = datasets.shapes();
      const net = models[${JSON.stringify(network)}]().compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
      let speeds = [];
      const onEpochBegin = () => { speeds = []; };
      const onProgress = ({ phase, stepMs }) => { if (phase === "training") speeds.push(32000 / stepMs); };
      await net.fit(train, { epochs: ${WARM_UP + 1}, validationData: test, callbacks: [{ onEpochBegin, onProgress }] });
      console.log(JSON.stringify(speeds));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
      cwd: join(folder, ".."),
    });
    speed.node.push(median(JSON.parse(stdout)));
    console.log(
      `round ${round + 1}: tab ${speed.tab.at(-1).toFixed(0)}, Node ${speed.node.at(-1).toFixed(0)} images/s`,
    );
  }
  const ratio = median(speed.tab.map((tab, i) => tab / speed.node[i]));
  console.log(
    `${network}, ${IMAGES} images an epoch: the tab has ${ratio.toFixed(2)} of Node's speed (median of ${rounds})`,
  );

  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.waitForTimeout(1000);
  const waits = await page.evaluate(async () => {
    const waits = [];
    for (let i = 0; i < 60; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const began = performance.now();
      document.querySelector(".frame-end button").click();
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      waits.push(performance.now() - began);
    }
    return waits.sort((a, b) => a - b);
  });
  console.log(
    `a click to its frame while it trains: median ${waits[30].toFixed(0)} ms, 95 % within ${waits[56].toFixed(0)} ms`,
  );
} finally {
  await browser.close();
  server.kill("SIGINT");
}
