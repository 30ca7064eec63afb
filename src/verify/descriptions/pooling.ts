import fc from "fast-check";
import { averagePooling2d as averageLayer } from "../../layers/averagePooling2d.js";
import { globalAveragePooling2d as globalLayer } from "../../layers/globalAveragePooling2d.js";
import type { Layer } from "../../layers/layer.js";
import { maxPooling2d as maxLayer } from "../../layers/maxPooling2d.js";
import type { PoolingOptions } from "../../layers/pooling.js";
import { type CaseBounds, type LayerDescription, randomLayerValues, sumError } from "../description.js";
import type { LayerCase, LayerValues } from "../layer.js";
import { largest, tieFree } from "../values.js";
import { sizeUpTo, windowedPicture } from "./arbitraries.js";

function pooledCases(layer: Layer, bounds: CaseBounds): fc.Arbitrary<LayerCase> {
  return fc
    .record({ place: windowedPicture(bounds), batch: sizeUpTo(bounds.batch) })
    .map(({ place: { window: poolSize, strides, padding, picture }, batch }) => ({
      layer,
      options: layer.options({ poolSize, strides, padding }),
      inputs: [picture],
      batch,
      training: true,
    }));
}

/** A value is in at most kh·kw windows, whose gradients add. */
function overlapError({ options }: LayerCase, { dY }: LayerValues): number {
  const { poolSize } = options as PoolingOptions;
  const taps = poolSize[0] * poolSize[1];
  return sumError(taps) * Math.sqrt(taps) * largest(dY);
}

export const maxPooling2d: LayerDescription = {
  name: "maxPooling2d",
  cases: (bounds) => pooledCases(maxLayer, bounds),
  /** A tie is a kink. */
  values: (given, seed) => randomLayerValues(given, seed, tieFree),
  tolerances: (given, values) =>
    new Map([
      ["y", 0],
      ["dX", overlapError(given, values)],
    ]),
};

export const averagePooling2d: LayerDescription = {
  name: "averagePooling2d",
  cases: (bounds) => pooledCases(averageLayer, bounds),
  values: randomLayerValues,
  tolerances(given, values) {
    const { poolSize } = given.options as PoolingOptions;
    const taps = poolSize[0] * poolSize[1];
    return new Map([
      ["y", sumError(taps) * largest(values.xs[0])],
      ["dX", overlapError(given, values)],
    ]);
  },
};

export const globalAveragePooling2d: LayerDescription = {
  name: "globalAveragePooling2d",
  cases: ({ batch, size, channels }) =>
    fc
      .record({
        input: fc.tuple(sizeUpTo(size), sizeUpTo(size), sizeUpTo(channels)),
        batch: sizeUpTo(batch),
      })
      .map(({ input, batch }) => ({
        layer: globalLayer,
        options: {},
        inputs: [input],
        batch,
        training: true,
      })),
  values: randomLayerValues,
  tolerances: ({ inputs: [[height, width]] }, { xs, dY }) =>
    new Map([
      ["y", sumError(height * width) * largest(xs[0])],
      ["dX", sumError(1) * largest(dY)],
    ]),
};
