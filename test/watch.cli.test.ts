/** Watching on the command line: --log, runs, compare, and the page of a run. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/temporary.js";

const MAIN = join(import.meta.dirname, "../dist/cli/main.js");
const LITTLE = ["--data", "shapes", "--limit", "96", "--limit-test", "40", "--workers", "2"];
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

const text = (name: string) => readFileSync(join(folder, name), "utf8");
const train = (...args: string[]) => cbapd("train", "lenet5", ...LITTLE, ...args);

describe("a run that is watched", () => {
  it("leaves logs, a result and a page, and goes on in them", async () => {
    const logs = ["--log", "csv,jsonl,tensorboard", "--epochs", "2"];
    const first = await train(...logs, "--steps", "4");
    expect(first.stderr).toBe("");
    expect(JSON.parse(text("runs/lenet5/result.json"))).toMatchObject({ done: false, epoch: 1, steps: 4 });
    expect(existsSync(join(folder, "runs/lenet5/report.html"))).toBe(false);
    const second = await train(...logs, "--json");
    const last = JSON.parse(second.stdout.trim().split("\n").at(-1)!);
    const result = JSON.parse(text("runs/lenet5/result.json"));
    expect(result).toMatchObject({ done: true, epoch: 2, steps: 6, weightsSha256: last.weightsSha256 });
    expect(result.command).toBe(
      `cbapd train lenet5 ${LITTLE.join(" ")} --log csv,jsonl,tensorboard --epochs 2 --json`,
    );
    expect(text("runs/lenet5/log.csv").trim().split("\n")).toHaveLength(3);
    const watch = text("runs/lenet5/watch.jsonl")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(watch.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, undefined],
      [2, 1],
      [2, undefined],
    ]);
    expect(Object.keys(watch[2].gradientNorms)).toEqual([
      "conv2d",
      "conv2d_1",
      "dense",
      "dense_1",
      "dense_2",
    ]);

    const page = text("runs/lenet5/report.html");
    expect(page).toContain(last.weightsSha256);
    expect(page).toContain("cbapd train lenet5 --data shapes");
    expect(page).toContain("crescent");
    expect(page.match(/<svg xmlns/g)?.length).toBeGreaterThanOrEqual(3);
    const { matrix } = JSON.parse(text("runs/lenet5/confusion.json"));
    expect(matrix.flat().reduce((a: number, b: number) => a + b)).toBe(40);
  });

  it("tells what it came to when it was killed before it could, and only then", async () => {
    const files = ["result.json", "report.html"].map((name) => `runs/lenet5/${name}`);
    const [result, page] = files.map(text);
    for (const gone of files) {
      rmSync(join(folder, gone));
      expect(await train("--epochs", "2")).toMatchObject({ code: 0, stderr: "" });
      const { command, ...told } = JSON.parse(text(files[0]));
      expect({ ...JSON.parse(result), ...told }).toEqual(JSON.parse(result));
      expect(command).toContain("--epochs 2");
      expect(text(files[1]).length).toBeGreaterThan(page.length / 2);
    }
    const stale = result.replace('"epoch": 2', '"epoch": 1');
    writeFileSync(join(folder, files[0]), stale);
    await train("--epochs", "2");
    expect(JSON.parse(text(files[0]))).toMatchObject({ done: true, epoch: 2, steps: 6 });
    const times = files.map((name) => statSync(join(folder, name)).mtimeMs);
    await train("--epochs", "2");
    expect(files.map((name) => statSync(join(folder, name)).mtimeMs)).toEqual(times);
  });

  it("is listed, and compared with another", async () => {
    await train("--learning-rate", "0.01", "--epochs", "1", "--run", "runs/fast", "--no-report");
    expect(existsSync(join(folder, "runs/fast/report.html"))).toBe(false);
    const [list, json, compared, one] = await Promise.all([
      cbapd("runs"),
      cbapd("runs", "runs/lenet5", "--json"),
      cbapd("compare", "runs/lenet5", "runs/fast", "--out", "both.png", "--json"),
      cbapd("compare", "runs/lenet5", "runs/fast", "--metric", "val_los"),
    ]);
    const { weightsSha256 } = JSON.parse(text("runs/lenet5/result.json"));
    expect(list.stdout).toMatch(
      /^run +network +data +epochs +best +at +last +val_loss +seconds +seed +weights\n/,
    );
    expect(list.stdout).toMatch(
      new RegExp(`runs/lenet5 +lenet5 +shapes +2 .* 0 +${weightsSha256.slice(0, 12)}\n`),
    );
    expect(list.stdout).toContain("runs/fast");
    const history = JSON.parse(text("runs/lenet5/history.json"));
    expect(JSON.parse(json.stdout).runs).toMatchObject([
      {
        run: "runs/lenet5",
        epochs: 2,
        bestAccuracy: Math.max(...history.logs.val_accuracy),
        valLoss: Math.min(...history.logs.val_loss),
        weightsSha256,
      },
    ]);
    const told = JSON.parse(compared.stdout);
    expect(told).toMatchObject({ metric: "val_accuracy", differing: ["learningRate"] });
    expect(readFileSync(join(folder, "both.png")).subarray(1, 4).toString()).toBe("PNG");
    expect(text("both.svg")).toContain("runs/fast");
    expect(one.stderr).toContain('--metric: unknown metric of all runs "val_los". Did you mean "val_loss"?');
    expect(one.code).toBe(2);
  });

  it("has a page that runs nothing and fetches nothing, whatever its classes are called", async () => {
    const run = JSON.parse(text("runs/lenet5/run.json"));
    const hostile = `"'><img src=http://evil.test/x onerror=alert(1)><script>`;
    writeFileSync(
      join(folder, "runs/lenet5/run.json"),
      JSON.stringify({ ...run, network: hostile, classes: [hostile] }),
    );
    writeFileSync(join(folder, "runs/lenet5/confusion.json"), "no JSON: it is computed anew");
    const { stderr, stdout } = await cbapd("report", "runs/lenet5", "--data", "shapes");
    expect(stderr).toBe("");
    expect(stdout).toBe("runs/lenet5/report.html\n");
    const page = text("runs/lenet5/report.html");
    expect(page).toContain(
      "&quot;&#39;&gt;&lt;img src=http://evil.test/x onerror=alert(1)&gt;&lt;script&gt;",
    );
    expect(page).not.toMatch(/<(script|img src=http|link|iframe)/);
    for (const [, url] of page.matchAll(/\b(?:src|href)="([^"]*)"/g))
      expect(url).toMatch(/^data:image\/png;base64,/);
    expect(page).toContain("default-src 'none'");
    expect(JSON.parse(text("runs/lenet5/confusion.json")).matrix).toHaveLength(10);
    const none = await cbapd("report", "runs/none");
    expect(none.stderr).toBe(
      'error: runs/none is no run folder: it has no run.json. Train one with "cbapd train".\n',
    );
    expect(none.code).toBe(1);
  });
});
