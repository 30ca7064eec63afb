/** Networks that the user brings: modules and Keras' JSON on the command line. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const LITTLE = ["--data", "shapes", "--limit", "64", "--limit-test", "20", "--workers", "2"];
const folder = temporaryFolder();

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function cbapd(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(process.execPath, [MAIN, ...args], { env, cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code as unknown as number) : 0, stdout, stderr });
    });
  });
}

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return `./${name}`;
};

/** A folder far from this package: "cbapd" is found all the same. */
const OWN_LAYER = `
import { defineLayer, layers, sequential } from "cbapd";
const doubled = defineLayer({
  kind: "doubled",
  forward: (backend, x) => ({ y: backend.affine(x, 2, 0) }),
  backward: (backend, dY) => ({ dX: backend.affine(dY, 2, 0) }),
});
export default ({ classes, inputShape, width }) => sequential([
  layers.conv2d({ filters: 4 * width, kernelSize: 3, strides: 4, inputShape }),
  doubled(),
  layers.flatten(),
  layers.dense({ units: classes, activation: "softmax" }),
]);
`;

describe("a module", () => {
  it("is trained, shown and resumed; a run knows its network, and names no code", async () => {
    const net = file("own.mjs", OWN_LAYER);
    const first = await cbapd("train", net, ...LITTLE, "--epochs", "1");
    expect(first.stderr).toBe("");
    expect(first.stdout).toContain("doubled (doubled)");
    const run = join(folder, "runs/own");
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8")).network).toBe("own.mjs");
    expect(readFileSync(join(run, "checkpoint.safetensors")).includes(Buffer.from(folder))).toBe(false);

    const second = await cbapd("train", net, ...LITTLE, "--epochs", "2");
    expect(second.stdout).toContain("Resuming runs/own: 1 epochs and 0 of 2 steps are done.");
    expect(second.stdout).toContain("Epoch 2/2");

    file("own.mjs", OWN_LAYER.replace("kernelSize: 3", "kernelSize: 5"));
    const changed = await cbapd("train", net, ...LITTLE, "--epochs", "3");
    expect(changed.stderr).toBe(
      "error: runs/own holds a run of another network: conv2d's kernelSize was [3, 3], and is [5, 5]. " +
        "Choose another folder with --run, or move this one aside with --fresh.\n",
    );
    expect(changed.code).toBe(2);

    const [unknown, shown] = await Promise.all([
      cbapd("evaluate", "runs/own", ...LITTLE),
      cbapd("summary", net, "--width", "2", "--classes", "3", "--json"),
    ]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain(
      'unknown layer kind "doubled"; if it is a layer of your own, its module must be loaded first (--network my-net.js)',
    );
    expect(JSON.parse(shown.stdout).totalParameters).toBe(5 * 5 * 3 * 8 + 8 + 7 * 7 * 8 * 3 + 3);
    const [evaluated, predicted] = await Promise.all([
      cbapd("evaluate", "runs/own", ...LITTLE, "--network", net, "--json"),
      cbapd("predict", "runs/own", "--data", "shapes", "--index", "3", "--network", net),
    ]);
    expect(evaluated.stderr).toBe("");
    expect(JSON.parse(evaluated.stdout).loss).toBeGreaterThan(0);
    expect(predicted.stdout).toContain("%");
  });

  it("is refused in words that say whose fault it is", async () => {
    const cases: [name: string, text: string | undefined, message: string][] = [
      ["none.js", undefined, "./none.js: there is no such file."],
      [
        "empty.mjs",
        "export const net = 1;",
        "./empty.mjs: its default export must be a model, or a function ({ classes, inputShape, width }) => model; got",
      ],
      ["syntax.mjs", "export default (", "./syntax.mjs cannot be loaded: Unexpected"],
      [
        "throws.mjs",
        'export default () => { throw new Error("no luck"); };',
        "./throws.mjs cannot be built: no luck. --verbose shows where.",
      ],
      [
        "nothing.mjs",
        "export default () => 1;",
        "./nothing.mjs: what its function returns must be a model; got",
      ],
      [
        "narrow.mjs",
        OWN_LAYER.replace("units: classes", "units: 3"),
        "./narrow.mjs: the network's output must be [10], one for each class; got [3].",
      ],
      ["net.coffee", "", 'unknown network "./net.coffee"'],
    ];
    if (!(process.features as { typescript?: unknown }).typescript) {
      cases.push([
        "typed.ts",
        "export default 1;",
        `Node ${process.version} runs no TypeScript; Node 22.18 and`,
      ]);
    }
    for (const [name, text] of cases) if (text !== undefined) file(name, text);
    // One process for all: starting them would take longer than all the rest.
    const script = `
      import { networkOf } from ${JSON.stringify(join(MAIN, "../network.js"))};
      for (const name of ${JSON.stringify(cases.map(([name]) => `./${name}`))}) {
        const given = { classes: 10, inputShape: [32, 32, 3], width: 1 };
        await networkOf(name).then((network) => network.build(given)).then(
          () => console.log("no error"), (error) => console.log(error.message));
      }`;
    const messages = await new Promise<string[]>((resolve) => {
      execFile(process.execPath, ["--input-type=module", "-e", script], { cwd: folder }, (_error, stdout) =>
        resolve(stdout.trim().split("\n")),
      );
    });
    cases.forEach(([, , message], i) => {
      expect(messages[i]).toContain(message);
    });
    const { code, stderr } = await cbapd("train", "./throws.mjs", ...LITTLE);
    expect(stderr).toBe("error: ./throws.mjs cannot be built: no luck. --verbose shows where.\n");
    expect(code).toBe(1);
    expect(existsSync(join(folder, "runs/throws/run.json"))).toBe(false);
  });
});

describe("Keras' JSON", () => {
  it("is trained and shown, for the images that it is made for", async () => {
    cpSync(join(import.meta.dirname, "keras/sequential.json"), join(folder, "model.json"));
    const { stdout } = await cbapd("summary", "model.json", "--json");
    expect(JSON.parse(stdout).trainableParameters).toBe(2 * 4 + (2 * 2 * 4 * 5 + 5)); // the convolution is frozen
    const text = readFileSync(join(folder, "model.json"), "utf8");
    const wrong = await cbapd("train", "model.json", ...LITTLE);
    expect(wrong.stderr).toContain(
      "model.json: the network's input must be [32, 32, 3], as the images are; got [8, 8, 3].",
    );
    file(
      "ten.json",
      text.replaceAll("[null, 8, 8, 3]", "[null, 32, 32, 3]").replace('"units": 5', '"units": 10'),
    );
    const trained = await cbapd("train", "ten.json", ...LITTLE, "--epochs", "1", "--json");
    expect(trained.stderr).toBe("");
    expect(JSON.parse(trained.stdout.trim().split("\n").at(-1)!)).toMatchObject({
      done: true,
      run: "runs/ten",
    });
    const wide = await cbapd("train", "ten.json", ...LITTLE, "--width", "2", "--run", "runs/wide");
    expect(wide.stderr).toContain(
      "--width is for networks that are built by a function; ten.json is one already.",
    );
  });
});
