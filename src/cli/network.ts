/**
 * What a command's <network> means: one of the six by name, a module of the user's own, or Keras' JSON. Code is run only when
 * the user names its file here: no model file and no run folder can name any.
 */
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  CbapdError,
  FileError,
  loadKerasModel,
  Model,
  models,
  mustBe,
  type NetworkName,
  OptionError,
  ShapeError,
  show,
  unknownName,
} from "../index.js";
import { resolve as resolveOwn } from "./ownResolve.js";

export interface BuildOptions {
  readonly classes: number;
  /** [height, width, channels] */
  readonly inputShape: readonly number[];
  readonly width: number;
  /** inception10's. */
  readonly statistics?: "batch" | "moving";
}

export interface Network {
  /** Of the run folder: "resnet18", "my-net". */
  readonly name: string;
  /** What run.json calls it: "resnet18", "my-net.js". */
  readonly label: string;
  /** One of the six: it can be built for any data, and building it costs nothing. */
  readonly builtIn: boolean;
  /** What its images must be, and how many classes it has, where that is fixed already. */
  readonly inputShape?: readonly number[];
  readonly classes?: number;
  /** @throws OptionError, ShapeError; whatever the module throws, as a FileError */
  build(options: BuildOptions): Promise<Model>;
}

const MODULES = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"];

/** Whether the text is a file's path, and no name. */
export function isNetworkFile(text: string): boolean {
  return [...MODULES, ".json"].includes(extname(text));
}

/** @throws OptionError for an unknown name; FileError for a file that cannot be loaded */
export async function networkOf(text: string): Promise<Network> {
  const known = models.names.find((name) => name === text);
  if (known) return builtIn(known);
  if (!isNetworkFile(text)) {
    const advice = " A file of your own ends in .js, .mjs, .ts or .json.";
    throw new OptionError(unknownName("network", text, models.names) + advice);
  }
  const label = basename(text);
  const name = basename(text, extname(text));
  if (extname(text) === ".json") {
    return { name, label, ...fixed(text, await loadKerasModel(text)) };
  }
  const made = await importNetwork(text);
  if (made instanceof Model) return { name, label, ...fixed(text, made) };
  if (typeof made !== "function") {
    const rule = "be a model, or a function ({ classes, inputShape, width }) => model";
    throw new OptionError(mustBe(text, "its default export", rule, shown(made)));
  }
  const build = async ({ classes, inputShape, width }: BuildOptions) => {
    const model: unknown = await attempt(text, "cannot be built", () => made({ classes, inputShape, width }));
    if (!(model instanceof Model)) {
      throw new OptionError(mustBe(text, "what its function returns", "be a model", shown(model)));
    }
    return fitting(text, model, { classes, inputShape });
  };
  return { name, label, builtIn: false, build };
}

function builtIn(name: NetworkName): Network {
  return {
    name,
    label: name,
    builtIn: true,
    async build({ statistics = "batch", ...network }) {
      return name === "inception10" ? models.inception10({ ...network, statistics }) : models[name](network);
    },
  };
}

/** A network that is what it is: for its own number of classes, images and width. */
function fixed(path: string, model: Model): Omit<Network, "name" | "label"> {
  return {
    builtIn: false,
    inputShape: inputOf(model),
    classes: outputsOf(model),
    async build({ width, ...given }) {
      if (width === 1) return fitting(path, model, given);
      throw new OptionError(`--width is for networks that are built by a function; ${path} is one already.`);
    },
  };
}

function fitting(
  path: string,
  model: Model,
  { classes, inputShape }: Pick<BuildOptions, "classes" | "inputShape">,
): Model {
  const input = inputOf(model);
  if (input.join() !== inputShape.join()) {
    throw new ShapeError(
      mustBe(path, "the network's input", `be [${inputShape.join(", ")}], as the images are`, input),
    );
  }
  const outputs = outputsOf(model);
  if (outputs !== classes) {
    throw new ShapeError(
      mustBe(path, "the network's output", `be [${classes}], one for each class`, [outputs]),
    );
  }
  return model;
}

const inputOf = ({ graph }: Model): readonly number[] => graph.nodes[0].outputShape;
const outputsOf = ({ graph }: Model): number => graph.nodes[graph.output].outputShape[0];

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  return typeof value === "object" && value !== null
    ? (value.constructor?.name ?? "an object")
    : String(value);
}

/** Runs the module, and so defines its layers. @returns its default export @throws FileError, OptionError */
export async function importNetwork(path: string): Promise<unknown> {
  if (!existsSync(path)) throw new FileError(`${path}: there is no such file.`, { code: "FILE_NOT_FOUND" });
  const { typescript } = process.features as { typescript?: unknown };
  if (/\.[mc]?ts$/.test(path) && !typescript) {
    throw new OptionError(
      `${path}: Node ${process.version} runs no TypeScript; Node 22.18 and newer do. Or compile it to JavaScript.`,
    );
  }
  hookResolution();
  const module = await attempt(path, "cannot be loaded", () => import(pathToFileURL(resolve(path)).href));
  return (module as { default?: unknown }).default;
}

/** What somebody else's code throws, as an error that says whose it is. */
async function attempt<T>(path: string, what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CbapdError) throw cause;
    const message = cause instanceof Error ? cause.message : show(cause);
    throw new FileError(`${path} ${what}: ${message.split("\n")[0]}. --verbose shows where.`, { cause });
  }
}

let hooked = false;

function hookResolution(): void {
  if (hooked) return;
  hooked = true;
  // Since Node 22.15, on this thread; before, hooks have a thread of their own.
  const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: unknown }) => void };
  if (registerHooks) registerHooks({ resolve: resolveOwn });
  else nodeModule.register("./ownResolve.js", import.meta.url);
}
