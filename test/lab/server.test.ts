/** `cbapd lab`: what it serves, to whom, under which headers; and what the first load weighs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labServer } from "../../src/cli/labServer.js";
import { DataError, datasets } from "../../src/index.js";
import { startLab } from "../support/lab.js";

const ROOT = join(import.meta.dirname, "../../dist/lab");
const MAIN = join(import.meta.dirname, "../../dist/cli/main.js");
const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("."));

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** The path as it stands: fetch would tidy it. */
function get(port: number, path: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  const { method = "GET", host = `127.0.0.1:${port}` } = options;
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", path, method, headers: { host } }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => {
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(pieces) });
      });
    })
      .on("error", reject)
      .end();
  });
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("the server", () => {
  const warnings: string[] = [];
  const pair = datasets.shapes({ train: 500, test: 20 });
  let loads = 0;
  const server = labServer({
    root: ROOT,
    hosts: ["localhost", "127.0.0.1"],
    warn: (message) => warnings.push(message),
    data: {
      cifar10: async () => {
        if (loads++ === 0) throw new DataError("cifar10: the cache is damaged.");
        return pair;
      },
    },
  });
  let port: number;
  beforeAll(async () => {
    port = await listening(server);
  });
  afterAll(() => void server.close());

  it("isolates each answer and lets no foreign code in", async () => {
    for (const path of ["/", ...files.map((name) => `/${name}`), "/data/index.json", "/nothing"]) {
      const { headers } = await get(port, path);
      expect(headers["cross-origin-opener-policy"], path).toBe("same-origin");
      expect(headers["cross-origin-embedder-policy"], path).toBe("require-corp");
      expect(headers["x-content-type-options"], path).toBe("nosniff");
      expect(headers["content-security-policy"], path).toContain(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'",
      );
      expect(headers["content-security-policy"], path).not.toContain("unsafe-inline");
    }
  });

  it("serves each file of the build with its type; what has a hash in its name for ever", async () => {
    const types: Record<string, string> = {
      html: "text/html; charset=utf-8",
      js: "text/javascript; charset=utf-8",
      css: "text/css; charset=utf-8",
      svg: "image/svg+xml",
      png: "image/png",
      wasm: "application/wasm",
    };
    for (const name of files) {
      const { status, headers, body } = await get(port, `/${name.replaceAll("\\", "/")}`);
      expect(status, name).toBe(200);
      expect(headers["content-type"], name).toBe(types[name.split(".").at(-1)!]);
      expect(headers["cache-control"], name).toBe(
        name.startsWith("assets") ? "public, max-age=31536000, immutable" : "no-cache",
      );
      expect(body.equals(readFileSync(join(ROOT, name))), name).toBe(true);
    }
    expect((await get(port, "/")).body.toString()).toContain('<div id="app">');
    const head = await get(port, "/", { method: "HEAD" });
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  it.each([
    "/../package.json",
    "/..%2fpackage.json",
    "/%2e%2e/package.json",
    "//etc/passwd",
    "/assets/../../../package.json",
    "/..\\package.json",
    "/data/cifar10/../index.json",
    "/data/cifar10/%2e%2e/x",
    "/data/mnist/train-images",
  ])("has no %s", async (path) => {
    expect((await get(port, path)).status).toBe(404);
  });

  it("refuses other methods, and other names than its own", async () => {
    const posted = await get(port, "/", { method: "POST" });
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect((await get(port, "/", { host: "evil.example" })).status).toBe(421);
    expect((await get(port, "/", { host: `localhost:${port}` })).status).toBe(200);
  });

  it("gives CIFAR-10's bytes, and says so when it cannot", async () => {
    expect(JSON.parse((await get(port, "/data/index.json")).body.toString())).toEqual({ cifar10: true });
    const failed = await get(port, "/data/cifar10/index.json");
    expect([failed.status, failed.body.toString()]).toEqual([503, "cifar10: the cache is damaged.\n"]);
    expect(warnings).toEqual(["cifar10: the cache is damaged."]);
    const about = JSON.parse((await get(port, "/data/cifar10/index.json")).body.toString());
    expect(about).toMatchObject({ trainCount: 500, testCount: 20, imageShape: [32, 32, 3] });
    const images = await get(port, "/data/cifar10/train-images"); // more than one piece
    expect(images.body.equals(pair.train.images as Uint8Array)).toBe(true);
    const labels = await get(port, "/data/cifar10/test-labels");
    expect(labels.body.equals(pair.test.labels as Uint8Array)).toBe(true);
    expect(labels.headers["content-length"]).toBe("20");
    expect(loads).toBe(2);
  });

  it("without CIFAR-10 has none", async () => {
    const bare = labServer({ root: ROOT, hosts: undefined, warn: () => {}, data: { cifar10: undefined } });
    const at = await listening(bare);
    expect((await get(at, "/data/index.json", { host: "any.example" })).body.toString()).toBe(
      '{"cifar10":false}',
    );
    expect((await get(at, "/data/cifar10/train-images")).status).toBe(404);
    bare.close();
  });

  it("a folder without pages is an error that says what to do", () => {
    expect(() =>
      labServer({ root: join(ROOT, "none"), hosts: undefined, warn: () => {}, data: { cifar10: undefined } }),
    ).toThrow(/the lab's pages cannot be read: ENOENT.* Run "npm run build:lab"\./);
  });
});

describe("the command", () => {
  it("ends with Ctrl-C, with code 0; a port that is taken is an error", async () => {
    const lab = await startLab();
    const port = new URL(lab.origin).port;
    expect((await get(Number(port), "/")).status).toBe(200);
    const second = spawn(process.execPath, [MAIN, "lab", "--port", port], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let words = "";
    second.stderr.on("data", (piece) => {
      words += piece;
    });
    const [code] = await once(second, "exit");
    expect([code, words]).toEqual([
      2,
      `error: lab: --port must be free; ${port} is in use. Name another, or leave --port out.\n`,
    ]);
    const ended = once(lab.process, "exit");
    await lab.close();
    expect((await ended)[0]).toBe(0);
  });
});

describe("the build", () => {
  /** All that the page asks for without being told to, and what training then needs. */
  const LIMIT_BYTES = 300 * 1024;

  it(`weighs ${LIMIT_BYTES} bytes at most, gzipped, with everything that any page needs`, () => {
    const sizes = files.map((name): [string, number] => [
      name,
      gzipSync(readFileSync(join(ROOT, name))).length,
    ]);
    const total = sizes.reduce((sum, [, size]) => sum + size, 0);
    expect(files.some((name) => name.endsWith(".wasm"))).toBe(true);
    expect(total, JSON.stringify(sizes)).toBeLessThan(LIMIT_BYTES);
  });

  it("has nothing inline that its policy would forbid, and only relative addresses", () => {
    const html = readFileSync(join(ROOT, "index.html"), "utf8");
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=/);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect(address).toMatch(/^\.\//);
  });
});
