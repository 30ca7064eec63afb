/** Debian's Chromium, driven by Playwright, and a server for its pages. */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = process.env.CBAPD_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Where it is missing tests are left out, with a word about it; CBAPD_CHROMIUM, which .ci/run sets, makes that an error. */
export const hasChromium = process.env.CBAPD_CHROMIUM !== undefined || existsSync(CHROMIUM);
if (!hasChromium) {
  console.warn(
    `\n*** There is no ${CHROMIUM}: nothing is tested in a browser. Debian has it: apt-get install chromium ***\n`,
  );
}

export function openChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

export interface PageServer {
  /** `http://localhost:…` */
  readonly origin: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Whether pages are isolated from other sites, so that they may share memory. */
  readonly isolated?: boolean; // false
  /** What is not in the folder: by path, the text. */
  readonly pages?: Readonly<Record<string, string>>;
}

/** Serves a folder to this machine. */
export async function serve(
  folder: string | URL,
  { isolated = false, pages = {} }: ServeOptions = {},
): Promise<PageServer> {
  const root = folder instanceof URL ? fileURLToPath(folder) : folder;
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname);
    const found = pages[path] ?? (await readFile(join(root, path)).catch(() => undefined));
    const type = TYPES[extname(path)] ?? (path === "/" ? TYPES[".html"] : "application/octet-stream");
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type, ...(isolated && ISOLATION) }).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * A page with the built package as it is, without a bundler, and a script that may import it: what package.json says of browsers,
 * said to a browser. To be served from the root of the repository.
 */
export function libraryPage(script: string): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { imports } = JSON.parse(manifest) as { imports: Record<string, { browser?: string }> };
  const own = Object.entries(imports).flatMap(([name, { browser }]) =>
    browser ? [[name, browser.slice(1)]] : [],
  );
  const map = {
    imports: { cbapd: "/dist/browser.js", zod: "/node_modules/zod/index.js", ...Object.fromEntries(own) },
  };
  return `<!doctype html><title>cbapd</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify(map)}</script><script type="module" src="${script}"></script>`;
}
