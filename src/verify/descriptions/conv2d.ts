import fc from "fast-check";
import { amplificationOf, chooseAlgorithm } from "../../backend/wasm/convolutionAlgorithm.js";
import { type Conv2DOptions, conv2d as layer } from "../../layers/conv2d.js";
import { type CaseBounds, type LayerDescription, outputShape, randomLayerValues } from "../description.js";
import type { LayerCase } from "../layer.js";
import { elementwise, padding, sizeUpTo, windowedPicture } from "./arbitraries.js";
import { productTolerances, reluMargin } from "./products.js";

export const conv2d: LayerDescription = {
  name: "conv2d",
  cases(bounds) {
    return bounds.channels < 16
      ? anyWindow(bounds)
      : fc.oneof(
          { weight: 16, arbitrary: anyWindow(bounds) },
          { weight: 4, arbitrary: wide },
          { weight: 1, arbitrary: smallMap },
          { weight: 1, arbitrary: halved },
          { weight: 1, arbitrary: few },
        );
  },
  values: randomLayerValues,
  tolerances(given, values) {
    const { filters, kernelSize, strides, padding } = given.options as Conv2DOptions;
    const [input] = given.inputs;
    const [outHeight, outWidth] = outputShape(given);
    const taps = kernelSize[0] * kernelSize[1];
    const places = given.batch * outHeight * outWidth;
    const lengths = { y: taps * input[2] + 1, dX: taps * filters, dKernel: places, dBias: places };
    const window = { kernel: kernelSize, strides, padding };
    const x = [given.batch, ...input];
    const kernel = [...kernelSize, input[2], filters];
    const algorithm = chooseAlgorithm(x, kernel, window);
    return productTolerances(given, values, lengths, amplificationOf(algorithm, x, kernel));
  },
  margin: reluMargin,
};

function anyWindow(bounds: CaseBounds): fc.Arbitrary<LayerCase> {
  return fc
    .record({
      place: windowedPicture(bounds),
      filters: sizeUpTo(bounds.channels),
      activation: elementwise,
      useBias: fc.boolean(),
      batch: sizeUpTo(bounds.batch),
    })
    .map(({ place, batch, ...rest }) => {
      const { window: kernelSize, strides, padding, picture } = place;
      return conv2dCase({ ...rest, kernelSize, strides, padding }, picture, batch);
    });
}

/** Where Winograd's forms apply: 3×3 and 5×5, stride 1, channels and filters in whole panels. */
const wide: fc.Arbitrary<LayerCase> = fc
  .record({
    size: fc.tuple(fc.integer({ min: 5, max: 14 }), fc.integer({ min: 5, max: 14 })),
    kernelSize: fc.constantFrom(3, 5),
    padding,
    channels: fc.constantFrom(16, 24, 40),
    filters: fc.constantFrom(16, 24, 40),
    activation: elementwise,
    batch: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ size, kernelSize, padding, channels, filters, activation, batch }) =>
    conv2dCase({ filters, kernelSize, padding, activation }, [...size, channels], batch),
  );

/** Where its form along the width applies: few filters, five columns. */
const few: fc.Arbitrary<LayerCase> = fc
  .record({
    size: fc.tuple(fc.integer({ min: 12, max: 16 }), fc.integer({ min: 13, max: 20 })),
    kernelHeight: fc.integer({ min: 2, max: 5 }),
    padding,
    channels: fc.integer({ min: 1, max: 4 }),
    filters: fc.integer({ min: 1, max: 7 }),
    activation: elementwise,
    batch: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ size, kernelHeight, padding, channels, filters, activation, batch }) =>
    conv2dCase({ filters, kernelSize: [kernelHeight, 5], padding, activation }, [...size, channels], batch),
  );

/** Where its form of stride 2 applies. */
const halved: fc.Arbitrary<LayerCase> = fc
  .record({
    size: fc.tuple(fc.integer({ min: 7, max: 10 }), fc.integer({ min: 7, max: 10 })),
    padding,
    channels: fc.constantFrom(16, 24, 40),
    filters: fc.constantFrom(16, 24, 40),
    activation: elementwise,
    batch: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ size, padding, channels, filters, activation, batch }) =>
    conv2dCase({ filters, kernelSize: 3, strides: 2, padding, activation }, [...size, channels], batch),
  );

/** Where one Winograd tile covers the whole map. */
const smallMap: fc.Arbitrary<LayerCase> = fc
  .record({
    size: fc.tuple(fc.constantFrom(2, 4, 5), fc.constantFrom(2, 4, 5)),
    channels: fc.constantFrom(64, 72),
    filters: fc.constantFrom(64, 72),
    activation: elementwise,
    batch: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ size, channels, filters, activation, batch }) =>
    conv2dCase({ filters, kernelSize: 3, padding: "same", activation }, [...size, channels], batch),
  );

function conv2dCase(options: object, picture: readonly number[], batch: number): LayerCase {
  return { layer, options: layer.options(options), inputs: [picture], batch, training: true };
}
