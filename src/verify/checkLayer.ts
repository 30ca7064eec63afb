/** Somebody's own layer, forward and backward, held against central differences on random cases, which shrink when they fail. */
import fc from "fast-check";
import { mustBe, OptionError } from "../errors.js";
import type { Layer } from "../layers/layer.js";
import { type NDArray, ndarray } from "../reference/ndarray.js";
import { type Shape, sameShape, showShape } from "../shape.js";
import type { Worst } from "./chain.js";
import { specsOf } from "./description.js";
import { agrees, type Disagreement, gradientCheck } from "./differences.js";
import { referenceEngine } from "./engine.js";
import { gradientName, type LayerCase, runLayer } from "./layer.js";
import { randomArray } from "./values.js";

/** A layer as plain functions on float64 arrays, for code that knows nothing of cbapd. */
export interface PlainLayer<Cache = unknown> {
  readonly name: string;
  /** Of the parameters, for an input [batch, …input]; none by default. */
  parameterShapes?(input: Shape): Readonly<Record<string, Shape>>;
  /** Must not change its arguments. */
  forward(
    x: NDArray,
    parameters: Readonly<Record<string, NDArray>>,
  ): { readonly y: NDArray; readonly cache: Cache };
  /** `dX`, and for each parameter its gradient, named `dKernel` for `kernel`. */
  backward(
    dY: NDArray,
    cache: Cache,
    parameters: Readonly<Record<string, NDArray>>,
  ): Readonly<Record<string, NDArray>>;
}

export interface CheckLayerOptions {
  /** What a user would write; for a `Layer` only. */
  readonly options?: object;
  /** One example's: no batch axis. Default: random pictures [height, width, channels]. */
  readonly inputShape?: Shape | fc.Arbitrary<Shape>;
  readonly cases?: number; // 100
  readonly seed?: number; // 0
  /** Relative to each gradient's largest element. */
  readonly tolerance?: number; // 1e-7
  /** What the inputs and parameters are: by default random in [−1, 1). */
  readonly values?: (shape: Shape, seed: number) => NDArray;
}

export interface LayerVerdict {
  readonly ok: boolean;
  /** Run before it was ok, or failed. */
  readonly cases: number;
  /** The largest error relative to its tolerance. */
  readonly worst: Worst | undefined;
  /** What is wrong, on the smallest case found. */
  readonly message?: string;
  readonly counterexample?: Counterexample;
}

export interface Counterexample {
  readonly batch: number;
  readonly inputShape: Shape;
  readonly seed: number;
  readonly tensor: string;
  /** Undefined when a random direction over all elements disagreed. */
  readonly index: number | undefined;
  readonly analytic: number;
  readonly numeric: number;
}

const pictures: fc.Arbitrary<Shape> = fc.tuple(
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 4 }),
);

/** Draws, forwards, and compares every gradient; stops at the first that is wrong. */
interface Trial {
  readonly forward: () => NDArray;
  /** Name of the gradient, what it is the gradient of, and its value. */
  readonly gradients: readonly (readonly [string, NDArray, NDArray])[];
  readonly dY: NDArray;
}

interface Drawn {
  readonly batch: number;
  readonly inputShape: Shape;
  readonly seed: number;
}

/**
 * Tests a layer's backward against central differences of its forward, in float64: every input and every parameter, with a random
 * upstream gradient.
 * @throws OptionError  for options that the layer rejects, or a shape that is none
 */
export function checkLayer<Cache>(
  layer: Layer | PlainLayer<Cache>,
  {
    options = {},
    inputShape = pictures,
    cases = 100,
    seed = 0,
    tolerance,
    values = randomArray,
  }: CheckLayerOptions = {},
): LayerVerdict {
  const shapes = isArbitrary(inputShape) ? inputShape : fc.constant(checkedShape(inputShape));
  const trialOf = "kind" in layer ? layerTrial(layer, options, values) : plainTrial(layer, values);
  let worst: Worst | undefined;
  const drawn = fc.record({
    batch: fc.integer({ min: 1, max: 4 }),
    inputShape: shapes,
    seed: fc.integer({ min: 0, max: 999 }),
  });
  const details = fc.check(
    fc.property(drawn, (given) => {
      const { forward, gradients, dY } = trialOf(given);
      for (const [tensor, at, gradient] of gradients) {
        const probe = gradientCheck(forward, at, dY, gradient, { seed: given.seed, tolerance });
        if (agrees(probe)) {
          const isWorse = !worst || probe.error * worst.tolerance > worst.error * probe.tolerance;
          if (isWorse) worst = { tensor, error: probe.error, tolerance: probe.tolerance };
          continue;
        }
        throw new Disagrees(tensor, given, probe);
      }
    }),
    { numRuns: cases, seed },
  );
  const done = { cases: details.numRuns, worst };
  if (!details.failed) return { ok: true, ...done };
  if (!(details.errorInstance instanceof Disagrees)) throw details.errorInstance; // the layer's own
  const { message, counterexample } = details.errorInstance;
  return { ok: false, ...done, message, counterexample };
}

class Disagrees extends Error {
  readonly counterexample: Counterexample;

  constructor(tensor: string, drawn: Drawn, { index, analytic, numeric, tolerance }: Disagreement) {
    const where = index === undefined ? "in a random direction" : `at index ${index}`;
    const shape = `${drawn.batch} × [${drawn.inputShape.join(", ")}]`;
    const off = `(tolerance ${tolerance.toExponential(1)})`;
    super(
      `${tensor} ${where} is ${analytic}; central differences give ${numeric} ${off} for an input of ${shape}.`,
    );
    this.counterexample = { ...drawn, tensor, index, analytic, numeric };
  }
}

function layerTrial(layer: Layer, written: object, values: NonNullable<CheckLayerOptions["values"]>) {
  const options = layer.options(written);
  return ({ batch, inputShape, seed }: Drawn): Trial => {
    const given: LayerCase = { layer, options, inputs: [inputShape], batch, training: true };
    const x = values([batch, ...inputShape], seed);
    const specs = Object.entries(specsOf(given));
    const parameters = Object.fromEntries(
      specs.map(([name, { shape, trainable }], i) => {
        const drawn = values(shape, seed + 100 + i);
        // Moving statistics: a variance must be positive.
        return [name, trainable ? drawn : ndarray(shape, drawn.data.map(Math.abs))];
      }),
    );
    const dY = randomArray([batch, ...layer.outputShape([inputShape], options, layer.kind)], seed + 200);
    const run = () => runLayer(referenceEngine({ seed }), given, { xs: [x], parameters, dY });
    const results = run();
    const trainable = specs.filter(([, spec]) => spec.trainable).map(([name]) => name);
    return {
      forward: () => run().get("y")!,
      gradients: [
        ["dX", x, gradientOf(layer.kind, "dX", results.get("dX"), x)],
        ...trainable.map((name) => {
          const tensor = gradientName(name);
          return [
            tensor,
            parameters[name],
            gradientOf(layer.kind, tensor, results.get(tensor), parameters[name]),
          ] as const;
        }),
      ],
      dY,
    };
  };
}

function plainTrial<Cache>(layer: PlainLayer<Cache>, values: NonNullable<CheckLayerOptions["values"]>) {
  return ({ batch, inputShape, seed }: Drawn): Trial => {
    const x = values([batch, ...inputShape], seed);
    const shapes = Object.entries(layer.parameterShapes?.(inputShape) ?? {});
    const parameters = Object.fromEntries(
      shapes.map(([name, shape], i) => [name, values(shape, seed + 100 + i)]),
    );
    const { y, cache } = layer.forward(x, parameters);
    const dY = randomArray(y.shape, seed + 200);
    const results = layer.backward(dY, cache, parameters);
    return {
      forward: () => layer.forward(x, parameters).y,
      gradients: [["x", x] as const, ...Object.entries(parameters)].map(([name, at]) => {
        const tensor = gradientName(name);
        return [tensor, at, gradientOf(layer.name, tensor, results[tensor], at)] as const;
      }),
      dY,
    };
  };
}

/** @throws OptionError when it is missing or has another shape than what it is the gradient of */
function gradientOf(layer: string, tensor: string, gradient: NDArray | undefined, at: NDArray): NDArray {
  if (!gradient) throw new OptionError(`${layer}: backward must return ${tensor}; got none.`);
  if (!sameShape(gradient.shape, at.shape)) {
    throw new OptionError(mustBe(layer, tensor, `have the shape ${showShape(at.shape)}`, gradient.shape));
  }
  return gradient;
}

function isArbitrary(shape: Shape | fc.Arbitrary<Shape>): shape is fc.Arbitrary<Shape> {
  return "generate" in shape;
}

function checkedShape(shape: Shape): Shape {
  if (shape.length > 0 && shape.every((size) => Number.isInteger(size) && size > 0)) return shape;
  throw new OptionError(mustBe("checkLayer", "inputShape", "be a list of positive integers", shape));
}
