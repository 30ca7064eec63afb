/**
 * Retakes the pictures of docs/lab.md: `npm run build && node lab/screenshots.js [page …]`. Needs Chromium (CBAPD_CHROMIUM says
 * where, default /usr/bin/chromium) and sharp, which makes small palette PNGs of them. Look at each before you keep it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import sharp from "sharp";

const FOLDER = fileURLToPath(new URL("../docs/lab/", import.meta.url));
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
/** As a beamer shows it. */
const VIEWPORT = { width: 1280, height: 720 };

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/** The engine has answered all that it was asked. */
async function settled(page) {
  await page.waitForTimeout(500);
  await page.waitForFunction(() => document.documentElement.dataset.waiting === "0", undefined, {
    timeout: 300_000,
  });
}

/** Trains until so many steps are done, and pauses. */
async function train(page, steps) {
  await page.locator(".proof code").first().waitFor();
  await press(page, "Start");
  const passed = (steps) =>
    Number(document.querySelector("[data-figure=step]")?.textContent.replaceAll(",", "")) >= steps;
  await page.waitForFunction(passed, steps, { timeout: 300_000 });
  await press(page, "Pause");
  await page.getByRole("button", { name: "Start", exact: true }).waitFor();
}

/** What is done on a page before its picture is taken; pages that are not here are taken as they open. */
const SCENES = {
  train: {
    address: "#/train?data=shapes",
    height: 1180,
    prepare: (page) => train(page, 600),
  },
  step: { address: "#/step?network=lenet5&stage=1&steps=3", height: 1400 },
  layer: { address: "#/layer?network=baseline&stage=1&image=1", height: 1150 },
  receptive: { address: "#/receptive?network=lenet5&stage=6", height: 1180 },
  gradient: { address: "#/gradient?game=2", height: 1200 },
  own: {
    address: "#/train?data=shapes",
    height: 1130,
    async prepare(page) {
      await train(page, 600);
      await page.getByRole("link", { name: "Own network" }).click();
      await press(page, "A test image");
      await page.locator(".file-text pre").waitFor();
    },
  },
  exercises: {
    address: "#/exercises?sheet=1",
    height: 1180,
    async prepare(page) {
      await press(page, "Show answers");
    },
  },
};
/** The same page in other clothes. */
const EXTRA = { "train-zh-dark": { ...SCENES.train, height: 720, language: "zh", theme: "dark" } };

const server = spawn(process.execPath, [MAIN, "lab", "--port", "0", "--json"], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(createInterface({ input: server.stdout }), "line");
const origin = JSON.parse(line).url;
const browser = await chromium.launch({
  executablePath: process.env.CBAPD_CHROMIUM ?? "/usr/bin/chromium",
  args: FLAGS,
});
try {
  await mkdir(FOLDER, { recursive: true });
  const wanted = process.argv.slice(2);
  const first = await browser.newPage({ viewport: VIEWPORT, locale: "en-US" });
  await first.goto(origin);
  const links = await first
    .locator("header nav a")
    .evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  await first.close();
  const pages = links.map((href) => [href.replace(/^#\/|\?.*/g, ""), { address: href }]);
  const scenes = { ...Object.fromEntries(pages), ...SCENES, ...EXTRA };
  for (const [name, scene] of Object.entries(scenes)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const { address, height = VIEWPORT.height, prepare, language, theme } = scene;
    const page = await browser.newPage({ viewport: VIEWPORT, locale: "en-US", colorScheme: "light" });
    page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
    await page.goto(origin + address);
    await settled(page);
    await prepare?.(page);
    await settled(page);
    if (theme === "dark") await press(page, "Dark");
    if (language) await page.getByLabel("Language").selectOption(language);
    await page.setViewportSize({ ...VIEWPORT, height });
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement?.blur());
    await page.waitForTimeout(500);
    const png = await sharp(await page.screenshot())
      .png({ palette: true, colours: 128, effort: 10 })
      .toBuffer();
    await writeFile(`${FOLDER}${name}.png`, png);
    console.log(`${name}.png, ${(png.length / 1024).toFixed(0)} KiB`);
    await page.close();
  }
} finally {
  await browser.close();
  server.kill("SIGINT");
}
