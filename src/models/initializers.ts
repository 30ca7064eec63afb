/** First weights: seeded, and the same bits on every machine, as only +, −, ×, ÷ and √ are used. */
import type { Initializer } from "../layers/layer.js";
import { Purpose, randomWords, toUnit } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import { type Graph, weightSpecs } from "./graph.js";

/** All weights by name, in order. Weight i draws from stream i, so that no weight's values depend on another's size. */
export function initialWeights(graph: Graph, seed: number): Map<string, Float32Array> {
  return new Map(
    weightSpecs(graph).map(({ name, shape, initializer }, stream) => [
      name,
      initialValues(initializer, shape, seed, stream),
    ]),
  );
}

function initialValues(initializer: Initializer, shape: Shape, seed: number, stream: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  const { fanIn, fanOut } = fans(shape);
  switch (initializer) {
    case "zeros":
      return values;
    case "ones":
      return values.fill(1);
    case "glorotUniform": // Glorot & Bengio 2010: variance 2/(fanIn + fanOut)
      return uniform(values, Math.sqrt(6 / (fanIn + fanOut)), seed, stream);
    case "heUniform": // He et al. 2015, arXiv:1502.01852: variance 2/fanIn
      return uniform(values, Math.sqrt(6 / fanIn), seed, stream);
  }
}

/** In [−limit, limit). */
function uniform(values: Float32Array, limit: number, seed: number, stream: number): Float32Array {
  const next = randomWords(seed, Purpose.Initializer, stream);
  for (let i = 0; i < values.length; i++) values[i] = (2 * toUnit(next()) - 1) * limit;
  return values;
}

/** As Keras: dense [in, out]; convolution [kh, kw, C, F] counts each channel once for each place in the window. */
function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length === 1) return { fanIn: shape[0], fanOut: shape[0] };
  const window = sizeOf(shape.slice(0, -2));
  return { fanIn: window * shape[shape.length - 2], fanOut: window * shape[shape.length - 1] };
}
