/** `cbapd lab`: serves the browser lab on this machine. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { CbapdError, type DatasetPair, datasets, OptionError } from "../index.js";
import { isLoopback, labServer } from "./labServer.js";
import { choice, loadData, wholeNumber } from "./options.js";

const PORT = 8500;
/** Ports that are tried from there on, unless --port names one. */
const TRIES = 20;
const MOST_PORT = 65_535;
const DATA = ["cifar10"] as const;

interface LabOptions {
  readonly port?: number;
  readonly host: string;
  readonly open?: boolean;
  readonly data?: (typeof DATA)[number];
  readonly dataDir?: string;
  readonly json?: boolean;
}

export function labCommand(command: Command): void {
  command
    .option("--port <n>", `default: the first free one from ${PORT} on; 0: any`, wholeNumber("--port", 0))
    .option("--host <address>", "where to listen; others than this machine reach 0.0.0.0", "127.0.0.1")
    .option("--open", "open the page in the browser")
    .option("--data <dataset>", "cifar10: fetch it now, if it is not here yet", choice("--data", DATA))
    .option("--data-dir <path>", "CIFAR-10's original files, packed or unpacked (or set CBAPD_DATA)")
    .option("--json", "print one JSON object: the address")
    .addHelpText("after", "\nExample:\n  $ cbapd lab --open\n\nCtrl-C ends it.")
    .action(runLab);
}

async function runLab(options: LabOptions): Promise<void> {
  const { host } = options;
  if (options.port !== undefined && options.port > MOST_PORT) {
    throw new OptionError(`--port must be ${MOST_PORT} at most; got ${options.port}.`);
  }
  const warn = (message: string) => void process.stderr.write(`warning: ${message}\n`);
  const server = labServer({
    root: fileURLToPath(new URL("../lab", import.meta.url)),
    data: { cifar10: await cifar10Source(options) },
    hosts: isLoopback(host) ? ["localhost", "127.0.0.1", "::1", host] : undefined,
    warn,
  });
  const { port } = await listen(server, options);
  const end = () => {
    server.close();
    server.closeAllConnections();
  };
  // Before it says that it listens: who hears that may end it at once.
  process.once("SIGINT", end).once("SIGTERM", end);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
  process.stdout.write(
    options.json ? `${JSON.stringify({ url, port })}\n` : `The lab is at ${url}\nCtrl-C ends it.\n`,
  );
  if (!isLoopback(host)) {
    warn(
      "other machines can reach this page; over plain http their browsers do not share memory between threads, so that they " +
        "train with one worker.",
    );
  }
  if (options.open) openBrowser(url, warn);
  await new Promise((resolve) => server.once("close", resolve));
  process.off("SIGINT", end).off("SIGTERM", end);
}

/** CIFAR-10 if it is here already, or was asked for. Nothing is fetched unasked, and nothing is read before a page wants it. */
async function cifar10Source({
  data,
  dataDir,
}: LabOptions): Promise<(() => Promise<DatasetPair>) | undefined> {
  if (data || dataDir !== undefined) {
    const pair = await loadData({ data: "cifar10", dataDir });
    return async () => pair;
  }
  const cached = join(datasets.cacheDirectory(), "cifar10", "train-images");
  if (!process.env.CBAPD_DATA && !existsSync(cached)) return undefined;
  return () => datasets.cifar10({ offline: true });
}

/** @throws OptionError when --port's is taken, or the host is none of this machine's */
async function listen(server: Server, { port, host }: LabOptions): Promise<AddressInfo> {
  const first = port ?? PORT;
  const tries = port === undefined ? TRIES : 1;
  for (let tried = first; tried < first + tries; tried++) {
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      const fail = (error: NodeJS.ErrnoException) => resolve(error);
      server.once("error", fail).listen(tried, host, () => {
        server.off("error", fail);
        resolve(undefined);
      });
    });
    if (!error) return server.address() as AddressInfo;
    if (error.code !== "EADDRINUSE") throw listenError(error, tried, host);
  }
  if (port === undefined) {
    throw new CbapdError(
      `lab: the ports ${first} to ${first + tries - 1} are all in use. Name a free one with --port.`,
    );
  }
  throw new OptionError(`lab: --port must be free; ${port} is in use. Name another, or leave --port out.`);
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): CbapdError {
  switch (error.code) {
    case "EACCES":
      return new OptionError(`lab: --port must be one that you may use; got ${port}. Choose one above 1023.`);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new OptionError(
        `lab: --host must be an address of this machine; got "${host}". The default is 127.0.0.1.`,
      );
    default:
      return new CbapdError(`lab: cannot listen on ${host}:${port}: ${error.message}.`, { cause: error });
  }
}

function openBrowser(url: string, warn: (message: string) => void): void {
  const [command, ...prefix] =
    process.platform === "darwin"
      ? ["open"]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", ""]
        : ["xdg-open"];
  const child = spawn(command, [...prefix, url], { detached: true, stdio: "ignore" });
  child.once("error", (error) =>
    warn(`no browser could be opened (${error.message}): open ${url} yourself.`),
  );
  child.unref();
}
