/**
 * The lab's figures, `node bench/lab.js [network] [rounds]`: images a second in the tab and in Node, by turns, so that a machine that is
 * busy with other things is so for both; what the first load takes; and how long a key press waits for its frame while it trains.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const [network = "baseline", rounds = "3"] = process.argv.slice(2);
/** Of each round. */
const SECONDS = 4;
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

  // Both as a user has them: training with validation after each epoch, whatever else the page or the program does with it.
  const button = (name) => page.getByRole("button", { name, exact: true });
  const script = `
    const { datasets, models } = await import(${JSON.stringify(fileURLToPath(new URL("../dist/index.js", import.meta.url)))});
    const { train, test } = datasets.shapes();
    const net = models[${JSON.stringify(network)}]().compile({ optimizer: "adam", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
    const stop = new AbortController();
    let [began, steps] = [0, 0];
    const onEpochEnd = (epoch, logs, context) => {
      const { step } = context.getTrainingState();
      const now = performance.now();
      if (began === 0 && now > 2000) [began, steps] = [now, step];
      if (began === 0 || now - began < ${SECONDS * 1000}) return;
      console.log(((step - steps) * 32000) / (now - began));
      stop.abort();
    };
    await net.fit(train, { epochs: 1e6, validationData: test, signal: stop.signal, callbacks: [{ onEpochEnd }] });`;
  for (let round = 0; round < Number(rounds); round++) {
    await button("Start").click();
    await page.waitForTimeout(2000);
    const tab = await page.evaluate(async (seconds) => {
      const figure = document.querySelector("[data-figure=step]");
      const next = () =>
        new Promise((resolve) => {
          const observer = new MutationObserver(() => {
            observer.disconnect();
            resolve([performance.now(), Number(figure.textContent.replaceAll(",", ""))]);
          });
          observer.observe(figure, { childList: true, characterData: true, subtree: true });
        });
      const [began, before] = await next();
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const [ended, after] = await next();
      return ((after - before) * 32_000) / (ended - began);
    }, SECONDS);
    await button("Pause").click();
    await page.locator("button.primary:enabled", { hasText: "Start" }).waitFor({ timeout: 60_000 });
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
    speed.tab.push(tab);
    speed.node.push(Number(stdout));
    console.log(`round ${round + 1}: tab ${tab.toFixed(0)}, Node ${Number(stdout).toFixed(0)} images/s`);
  }
  const ratio = median(speed.tab.map((tab, i) => tab / speed.node[i]));
  console.log(`${network}: the tab has ${ratio.toFixed(2)} of Node's speed (median of ${rounds})`);

  await button("Start").click();
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
