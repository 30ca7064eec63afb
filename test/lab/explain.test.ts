/** Step, layers, receptive field, gradient check: by click and by keyboard, every number held against the library. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  axisNumbers,
  backwardCell,
  checkCase,
  type ExplainedStep,
  errorCurve,
  explainStep,
  forwardCell,
  Machine,
  normalizationMaps,
  startState,
  trainingBatch,
  weightCell,
} from "../../src/explain/index.js";
import { datasets, models, weightsSha256 } from "../../src/index.js";
import { hasChromium, openChromium } from "../support/browser.js";
import { type LabHost, openLab, startLab } from "../support/lab.js";

const WAIT = { timeout: 60_000 };

/** The step that a page with these settings shows. */
function stepOf(machine: Machine, name: "lenet5" | "baseline", width: number, batchSize: number, steps = 0) {
  const { train } = datasets.shapes({ train: 200, test: 200 });
  const model = models[name]({ width });
  model.initialize({ seed: 0 });
  let state = startState(model.graph, model.getWeights());
  for (;;) {
    const { x, labels } = trainingBatch(train, { seed: 0, step: state.steps, batchSize });
    const step = explainStep(machine, { graph: model.graph, x, labels, state });
    if (state.steps === steps) return step;
    state = step.after;
  }
}

/** A number as it stands on the page. */
async function read(page: Page, selector: string): Promise<number> {
  return Number((await page.locator(selector).first().textContent())!.replaceAll("−", "-"));
}
const to9 = (value: number) => Number(value.toPrecision(9));
const to6 = (value: number) => Number(value.toPrecision(6));

function hashOf({ after }: ExplainedStep): string {
  return weightsSha256(
    new Map(Array.from(after.weights, ([name, { data }]) => [name, Float32Array.from(data)])),
  );
}

describe.skipIf(!hasChromium)("the lab explains", () => {
  let browser: Browser;
  let lab: LabHost;
  let machine: Machine;
  beforeAll(async () => {
    [browser, lab, machine] = await Promise.all([openChromium(), startLab(), Machine.open()]);
  });
  afterAll(() => Promise.all([browser?.close(), lab?.close()]));

  it("a step: any cell's terms, paths and weight; the walk; the step after it", async () => {
    const step = stepOf(machine, "lenet5", 0.5, 4);
    const [stage, image, cell] = [4, 1, 37];
    const address = `#/step?network=lenet5&width=0.5&batch=4&stage=${stage}&image=${image}`;
    const { page, complaints, close } = await openLab(browser, `${lab.origin}/${address}&cell=${cell}`);
    await page.locator(".weight [data-value=new-weight]").waitFor(WAIT);
    const forward = forwardCell(step, { stage, image, index: cell });
    const backward = backwardCell(step, { stage, image, index: cell })!;
    expect(await read(page, "[data-sum=forward] [data-value=kernel]")).toBe(to9(forward.y));
    expect(await read(page, "[data-sum=forward] [data-value=computed]")).toBe(to9(forward.computed));
    const [path] = backward.paths;
    expect(await read(page, `[data-sum="${path.name}"] [data-value=kernel]`)).toBe(to9(path.sent));
    const row = page.locator(".forward .terms tbody tr").nth(7);
    const texts = (await row.locator("td").allTextContents()).map((text) => text.replaceAll("−", "-"));
    const term = forward.terms[7];
    expect([1, 3, 4].map((column) => Number(texts[column]))).toEqual(
      [term.x, term.factor!, term.product].map(to6),
    );

    // A weight of a term, by keyboard: its gradient over the batch, and Adam's new value.
    await row.getByRole("button", { name: /^Choose weight/ }).press("Enter");
    const weight = weightCell(step, term.weight!.name, term.weight!.index);
    const shown = () => read(page, ".weight [data-value=new-weight]");
    await expect.poll(shown, WAIT).toBe(to9(weight.update.w));
    expect(await read(page, "[data-sum=weight] [data-value=kernel]")).toBe(to9(weight.gradient));
    const bars = await page.locator(".bars td:last-child").allTextContents();
    expect(bars.map((text) => Number(text.replaceAll("−", "-")))).toEqual(weight.images.map(to6));

    // Another cell of the map by the keyboard, and by a click: the numbers follow.
    const map = page.getByRole("button", { name: /^Values: conv2d_1;/ });
    await map.focus();
    await map.press("ArrowRight");
    await map.press("Enter");
    const chosen = () => Number(new URLSearchParams(page.url().split("?")[1]).get("cell"));
    const kernel = () => read(page, "[data-sum=forward] [data-value=kernel]");
    await expect.poll(chosen).not.toBe(cell);
    await expect.poll(kernel, WAIT).toBe(to9(forwardCell(step, { stage, image, index: chosen() }).y));
    await map.click({ position: { x: 3, y: 3 } });
    await expect.poll(chosen).toBe(0);
    await expect.poll(kernel, WAIT).toBe(to9(forwardCell(step, { stage, image, index: 0 }).y));

    // The walk: forward to the last stage, then backward from the loss.
    const where = () => page.locator(".walk-where strong").textContent();
    const next = page.getByRole("button", { name: /Next/ });
    for (let k = stage; k < step.stages.length; k++) await next.press("Enter");
    await expect.poll(where).toContain(step.stages.at(-1)!.name);
    expect(await page.locator(".way").textContent()).toMatch(/^Backward, 1 of/);
    const p = step.probabilities.data[image * 10 + step.labels.data[image]];
    expect(await read(page, "[data-figure=p]")).toBe(Number(p.toPrecision(4)));

    // The hash after this step, and after the next, is training's.
    expect(await page.locator(".walk code").textContent()).toBe(hashOf(step));
    await page.getByRole("button", { name: "Take this step" }).click();
    const hash = hashOf(stepOf(machine, "lenet5", 0.5, 4, 1));
    await expect.poll(() => page.locator(".walk code").textContent(), WAIT).toBe(hash);
    expect(complaints).toEqual([]);
    await close();
  });

  it("layers: three maps, padding's numbers, im2col, p − y", async () => {
    const step = stepOf(machine, "baseline", 0.5, 4);
    const shared = "network=baseline&width=0.5&batch=4";
    const { page, complaints, close } = await openLab(
      browser,
      `${lab.origin}/#/layer?${shared}&stage=2&cell=700`,
    );
    const channels = step.stages[2].shape[2];
    const maps = normalizationMaps(step, 2, 0, 700 % channels);
    const position = Math.floor(700 / channels);
    const parts = { direct: maps.direct, mean: maps.mean, variance: maps.variance, kernel: maps.gradient };
    await page.locator("[data-map=kernel]").waitFor(WAIT);
    for (const [name, values] of Object.entries(parts)) {
      expect(await read(page, `[data-map=${name}]`), name).toBe(to6(values[position]));
    }
    await page.goto(`${lab.origin}/#/layer?${shared}&kind=conv2d`);
    const status = page.locator("[data-value=axis]");
    await expect
      .poll(() => status.textContent(), WAIT)
      .toBe("Output 32; 2 rows of padding before, 2 after; 0 rows unseen.");
    await page.getByLabel("Stride").fill("3");
    const { out, before, after } = axisNumbers(32, 5, 3, "same");
    await expect
      .poll(() => status.textContent(), WAIT)
      .toMatch(`Output ${out}; ${before} rows of padding before, ${after} after`);
    await page.getByText("This pixel stands in the matrix 25 times.").waitFor(WAIT);
    await page.goto(`${lab.origin}/#/layer?${shared}&stage=${step.logits}`);
    await page.locator(".loss-row tbody tr").first().waitFor(WAIT);
    const shown = await page.locator(".loss-row tbody td:last-child").allTextContents();
    expect(shown.map((text) => Number(text.replaceAll("−", "-")))).toEqual(
      Array.from(step.gradients[step.logits]!.data.subarray(0, 10), to6),
    );
    expect(complaints).toEqual([]);
    await close();
  });

  it("receptive field: a unit chosen by keyboard; the cost of stacks", async () => {
    const { page, complaints, close } = await openLab(
      browser,
      `${lab.origin}/#/receptive?network=lenet5&stage=4`,
    );
    const size = () => page.locator("[data-figure=seen]").textContent();
    await expect.poll(size, WAIT).toBe("14×14");
    const units = page.getByRole("button", { name: /^Units of conv2d_1/ });
    await units.focus();
    await units.press("ArrowDown");
    await units.press("Enter");
    await expect.poll(() => page.url()).toContain("cell=");
    await page.getByRole("option", { name: /^max_pooling2d_1/ }).click();
    await expect.poll(size, WAIT).toBe("16×16");
    const cells = await page.locator(".stacks tbody td").allTextContents();
    expect(cells.slice(0, 6)).toEqual(["5×5", "73,856", "75,497,472", "5×5", "102,464", "104,857,600"]);
    expect(complaints).toEqual([]);
    await close();
  });

  it("gradient check: numbers at any ε; a planted mistake is guessed, and told", async () => {
    const { page, complaints, close } = await openLab(browser, `${lab.origin}/#/gradient?game=2`);
    const slider = page.getByRole("slider");
    await slider.focus();
    await slider.press("ArrowRight");
    await expect.poll(() => page.url(), WAIT).toContain("epsilon=15");
    const epsilon = 10 ** (-15 / 4);
    const curve = errorCurve(checkCase(0), { tensor: "conv2d_1/kernel", index: 5, epsilons: [epsilon] });
    await expect.poll(() => read(page, "[data-figure=numeric]"), WAIT).toBe(to9(curve.points[0].numeric));
    expect(await read(page, "[data-figure=analytic]")).toBe(to9(curve.analytic));
    await page.locator(".guess").first().waitFor(WAIT);
    expect(await page.locator(".found tr.failed").count()).toBeGreaterThan(0);
    await page.locator(".guess", { hasText: "epsilon-of-pytorch" }).press("Enter");
    await page.getByText("Not epsilon-of-pytorch.").waitFor();
    await page.locator(".guess", { hasText: "kernel-not-flipped-in-input-gradient" }).click();
    await page.getByText("Right.", { exact: true }).waitFor();
    await page.getByLabel("Or choose which").selectOption("kernel-flipped");
    await page.getByText("The check passes all the same").waitFor(WAIT);
    expect(complaints).toEqual([]);
    await close();
  });
});
