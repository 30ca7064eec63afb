/**
 * The lab's server: the files of dist/lab, which it knows by name from the start, and the datasets' bytes under /data/. What is
 * on neither list is not there: no address is ever turned into a path.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { extname, join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type DatasetPair, FileError } from "../index.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
};
/** On every answer: workers have a policy of their own, from the answer that brought their script. */
const HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; object-src 'none'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};
const PARTS = ["train-images", "train-labels", "test-images", "test-labels"] as const;
type Part = (typeof PARTS)[number];
/** So much is handed to the socket at once. */
const PIECE_BYTES = 1 << 20;

export interface LabData {
  /** Verified bytes; asked for when a page first wants them. undefined: this machine does not have them. */
  readonly cifar10: (() => Promise<DatasetPair>) | undefined;
}

export interface LabServerOptions {
  /** The folder that `npm run build` made. */
  readonly root: string;
  readonly data: LabData;
  /** Names under which this server may be asked for; undefined: any. So no page of another site reaches it by DNS rebinding. */
  readonly hosts: readonly string[] | undefined;
  readonly warn: (message: string) => void;
}

interface Page {
  readonly bytes: Buffer;
  readonly type: string;
  /** Its name holds a hash of its contents. */
  readonly immutable: boolean;
}

/** @throws FileError when the lab has not been built */
export function labServer({ root, data, hosts, warn }: LabServerOptions): Server {
  const pages = readPages(root);
  let cifar10: Promise<DatasetPair> | undefined;
  /** Read once; after a failure the next request tries again. */
  const loadCifar10 = (load: () => Promise<DatasetPair>): Promise<DatasetPair> => {
    cifar10 ??= load();
    cifar10.catch(() => {
      cifar10 = undefined;
    });
    return cifar10;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (hosts && !hosts.includes(hostName(request))) {
      return refuse(response, 421, "This server answers under its own address alone.");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return refuse(response, 405, "GET and HEAD alone.");
    }
    const [path] = (request.url ?? "/").split("?");
    const page = pages.get(path === "/" ? "/index.html" : path);
    if (page) return sendPage(request, response, page);
    if (path === "/data/index.json")
      return sendJson(request, response, { cifar10: data.cifar10 !== undefined });
    const [, part] = /^\/data\/cifar10\/([a-z.-]+)$/.exec(path) ?? [];
    const wanted = part === "index.json" || PARTS.includes(part as Part);
    if (!wanted || !data.cifar10) return refuse(response, 404, "There is no such page.");
    const pair = await loadCifar10(data.cifar10);
    if (part === "index.json") return sendJson(request, response, describe(pair));
    await sendBytes(request, response, bytesOf(pair, part as Part));
  };
  return createServer((request, response) => {
    answer(request, response).catch((error: Error) => {
      // A page that was closed in the midst of a download is no matter.
      if (response.destroyed) return;
      warn(error.message);
      if (response.headersSent) response.destroy();
      else refuse(response, 503, error.message);
    });
  });
}

function readPages(root: string): Map<string, Page> {
  let names: string[];
  try {
    names = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  } catch (cause) {
    throw new FileError(
      `the lab's pages cannot be read: ${(cause as Error).message}. Run "npm run build:lab".`,
      { cause },
    );
  }
  return new Map(
    names.map((name): [string, Page] => {
      const path = `/${name.split(sep).join("/")}`;
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      return [path, { bytes: readFileSync(join(root, name)), type, immutable: path.startsWith("/assets/") }];
    }),
  );
}

/** `127.0.0.1` of `127.0.0.1:8080`, `::1` of `[::1]:8080`. */
function hostName({ headers: { host = "" } }: IncomingMessage): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** Only that machine reaches it. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.end(`${why}\n`);
}

function sendPage(request: IncomingMessage, response: ServerResponse, page: Page): void {
  response.setHeader("Content-Type", page.type);
  response.setHeader("Content-Length", page.bytes.length);
  response.setHeader("Cache-Control", page.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  response.end(request.method === "HEAD" ? undefined : page.bytes);
}

function sendJson(request: IncomingMessage, response: ServerResponse, value: object): void {
  const bytes = Buffer.from(JSON.stringify(value));
  sendPage(request, response, { bytes, type: TYPES[".json"], immutable: false });
}

/** In pieces, no faster than they are taken. */
async function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
): Promise<void> {
  response.setHeader("Content-Type", "application/octet-stream");
  response.setHeader("Content-Length", bytes.length);
  response.setHeader("Cache-Control", "no-cache");
  if (request.method === "HEAD") return void response.end();
  function* pieces() {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
  }
  await pipeline(Readable.from(pieces(), { objectMode: false }), response);
}

function describe({ train, test }: DatasetPair) {
  const { imageShape, classes, source, licence, scale } = train;
  return { trainCount: train.count, testCount: test.count, imageShape, classes, scale, source, licence };
}

function bytesOf({ train, test }: DatasetPair, part: Part): Uint8Array {
  const { images, labels } = part.startsWith("train") ? train : test;
  return (part.endsWith("images") ? images : labels) as Uint8Array;
}
