/** The lab as its user has it: the built pages, served by `cbapd lab` or by a plain host, in Chromium. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { serve } from "./browser.js";

const MAIN = join(import.meta.dirname, "../../dist/cli/main.js");
const PAGES = join(import.meta.dirname, "../../dist/lab/");

export interface LabHost {
  readonly origin: string;
  close(): Promise<void>;
}

/** `cbapd lab`, on any free port. */
export async function startLab(...options: string[]): Promise<LabHost & { readonly process: ChildProcess }> {
  const child = spawn(process.execPath, [MAIN, "lab", "--port", "0", "--json", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  const { port } = JSON.parse(line) as { port: number };
  const close = async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGINT");
    await once(child, "exit");
  };
  // Service workers and threads need a page that is as good as https: localhost is.
  return { origin: `http://localhost:${port}`, process: child, close };
}

/** Any static host: none of the lab server's headers. */
export function plainHost(): Promise<LabHost> {
  return serve(PAGES, { pages: {} }).then(({ origin, close }) => ({ origin: `${origin}/index.html`, close }));
}

/** `cbapd …`, to its last line. */
export function cbapd(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout.trim().split("\n").at(-1)!);
    });
  });
}

export interface LabPage {
  readonly page: Page;
  /** Whatever the console or an error event said: a page has nothing to say. */
  readonly complaints: string[];
  /** Addresses that were asked for. */
  readonly requests: string[];
  close(): Promise<void>;
}

export async function openLab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<LabPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 720 },
    locale: "en-US",
    colorScheme: "light",
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  context.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests, close: () => context.close() };
}

/** A number of the train page, by its key. */
export async function figure(page: Page, key: string): Promise<string> {
  return (await page.locator(`[data-figure=${key}]`).textContent())!.trim();
}

/** Waits until the run stands, that is until its hash is shown, at this step. */
export async function standing(page: Page, step: number): Promise<string> {
  await page.waitForFunction(
    (wanted) => {
      const text = (key: string) => document.querySelector(key)?.textContent ?? "";
      const hash = [...document.querySelectorAll(".proof code")][0]?.textContent ?? "";
      return text("[data-figure=step]") === wanted && /^[0-9a-f]{64}$/.test(hash);
    },
    step.toLocaleString("en-US"),
    { timeout: 60_000 },
  );
  return (await page.locator(".proof code").first().textContent())!;
}

/** The engine has answered, and the page has had two frames to show it. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.documentElement.dataset.waiting === "0", undefined, {
    timeout: 60_000,
  });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
