/** What users call: layers.dense({ … }).apply(x), and its errors. */
import { describe, expect, it } from "vitest";
import { layers } from "../src/index.js";
import { SymbolicTensor } from "../src/layers/call.js";

const picture = () => layers.input({ shape: [4, 4, 2] });

describe("a layer's name", () => {
  it("may consist of letters, digits, _, . and -", () => {
    expect(layers.flatten({ name: "stage_1.block-2" }).name).toBe("stage_1.block-2");
    expect(layers.flatten().name).toBeUndefined();
  });

  it.each([["a/b"], [""], ["two words"], [3], [null]])("rejects %j", (name) => {
    expect(() => layers.dense({ units: 1, name: name as string })).toThrow(
      `dense: name must consist of letters, digits, _, . and -; got ${JSON.stringify(name)}`,
    );
  });
});

describe("options", () => {
  it.each([[null], [3], ["dense"]])("must be an object: %j", (given) => {
    expect(() => layers.dense(given as never)).toThrow(
      `dense: options must be an object; got ${JSON.stringify(given)}`,
    );
  });

  it("take an input shape, checked", () => {
    expect(layers.flatten({ inputShape: [2, 3] }).inputShape).toEqual([2, 3]);
    expect(() => layers.flatten({ inputShape: [2, 0] })).toThrow(/shape must .*got \[2, 0\]/);
  });
});

describe("apply", () => {
  it("connects one tensor, or a list of them", () => {
    const x = picture();
    const left = layers.activation({ activation: "relu" }).apply(x);
    const sum = layers.add().apply([left, x]);
    expect(left).toBeInstanceOf(SymbolicTensor);
    expect(sum.inputs).toEqual([left, x]);
    expect(layers.flatten().apply([sum]).inputs).toEqual([sum]);
  });

  it.each([[[]], ["x"], [[picture(), 3]], [undefined]])("rejects %j", (inputs) => {
    expect(() => layers.flatten({ name: "flat" }).apply(inputs as never)).toThrow(
      /^flat: inputs must be what input\(\) or apply\(\) returned; got /,
    );
    expect(() => layers.flatten().apply(inputs as never)).toThrow(/^flatten: inputs must/);
  });

  it("lets only add and concatenate join", () => {
    expect(() => layers.dense({ units: 2 }).apply([picture(), picture()])).toThrow(
      "dense: takes one input; got 2. Join them with add or concatenate.",
    );
    expect(layers.concatenate().apply([picture(), picture()]).inputs).toHaveLength(2);
  });

  it("works once: weights are not shared", () => {
    const dense = layers.dense({ units: 2, name: "once" });
    dense.apply(picture());
    expect(() => dense.apply(picture())).toThrow(
      "once: a layer may be applied once; sharing weights is not supported.",
    );
  });

  it("numbers layers in order of creation", () => {
    const [first, second] = [layers.flatten(), layers.flatten()];
    expect(second.serial).toBe(first.serial + 1);
  });
});
