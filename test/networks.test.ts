import { describe, expect, it } from "vitest";
import { baseline, inception10, NETWORK_NAMES, NETWORKS, resnet18, vgg16 } from "../src/models/networks.js";
import { summaryData, summaryText } from "../src/models/summary.js";

/** DESIGN: total and trainable parameters, with 10 classes and 32×32×3 images. */
const PARAMETERS = {
  baseline: [198_506, 198_494],
  lenet5: [62_006, 62_006],
  alexnet8: [9_639_178, 9_638_474],
  vgg16: [15_262_026, 15_253_578],
  inception10: [121_418, 120_234],
  resnet18: [11_183_562, 11_173_962],
} as const;

describe.each(NETWORK_NAMES)("%s", (name) => {
  it("has the published number of parameters", () => {
    const { totalParameters, trainableParameters, nonTrainableParameters } = summaryData(NETWORKS[name]());
    expect([totalParameters, trainableParameters]).toEqual(PARAMETERS[name]);
    expect(nonTrainableParameters).toBe(totalParameters - trainableParameters);
  });

  it("scales with width and takes other classes", () => {
    const graph = NETWORKS[name]({ classes: 7, width: 0.25 });
    expect(graph.nodes[graph.output].outputShape).toEqual([7]);
    expect(summaryData(graph).totalParameters).toBeLessThan(PARAMETERS[name][0] / 3);
  });

  it("rejects unknown and wrong options", () => {
    expect(() => NETWORKS[name]({ clases: 3 } as object)).toThrow(`${name}: unknown option "clases". Did you mean "classes"?`);
    expect(() => NETWORKS[name]({ width: 0 })).toThrow(`${name}: width must be a positive number; got 0.`);
  });
});

const field = (graph: ReturnType<typeof vgg16>, name: string) =>
  summaryData(graph).layers.find((layer) => layer.name === name)?.receptiveField;

describe("summary", () => {
  it("follows the receptive field", () => {
    // VGG16: 1 → 3 → 5, pooling doubles the jump each time; its 13th convolution sees 196 pixels, as published.
    expect(field(vgg16(), "conv2d")).toEqual([3, 3]);
    expect(field(vgg16(), "conv2d_2")).toEqual([10, 10]);
    expect(field(vgg16(), "conv2d_12")).toEqual([196, 196]);
    expect(field(resnet18(), "dense")).toBeUndefined();
    // Input convolution 3; then 1×1 at stride 2 and 5×5: 3 + 4·2.
    expect(field(inception10(), "concatenate")).toEqual([11, 11]);
  });

  it("counts multiply-adds", () => {
    const { layers } = summaryData(baseline());
    expect(layers.find((layer) => layer.name === "conv2d")?.macs).toBe(32 * 32 * 75 * 6);
    expect(layers.find((layer) => layer.name === "dense")?.macs).toBe(1536 * 128);
  });

  it("is a table", () => {
    expect(summaryText(baseline())).toMatchInlineSnapshot(`
      "Model: baseline
      ─────────────────────────────────────────────────────────────────────────────────────────────
      Layer (type)                               Output shape   Param #   Receptive field      MACs
      ─────────────────────────────────────────────────────────────────────────────────────────────
      input (InputLayer)                         32×32×3              0   1×1                     0
      conv2d (Conv2D)                            32×32×6            456   5×5               460,800
      batch_normalization (BatchNormalization)   32×32×6             24   5×5                 6,144
      activation (Activation)                    32×32×6              0   5×5                     0
      max_pooling2d (MaxPooling2D)               16×16×6              0   6×6                     0
      dropout (Dropout)                          16×16×6              0   6×6                     0
      flatten (Flatten)                          1536                 0   all                     0
      dense (Dense)                              128            196,736   all               196,608
      dropout_1 (Dropout)                        128                  0   all                     0
      dense_1 (Dense)                            10               1,290   all                 1,280
      ─────────────────────────────────────────────────────────────────────────────────────────────
      Total params: 198,506
      Trainable params: 198,494
      Non-trainable params: 12
      MACs per image, forward: 664,832"
    `);
    expect(summaryText(inception10())).toContain("activation_1, activation_3, activation_5, activation_6");
  });
});
