/**
 * Layers of your own: forward and backward, written against the backend's operations, so that they run on the reference and on
 * the fast kernels alike, on any number of workers.
 */
import type { Backend, Tensor } from "../backend/backend.js";
import { OptionError, rejectUnknownKeys, ShapeError, show } from "../errors.js";
import type { Shape } from "../shape.js";
import { callable, type LayerCall, type LayerNaming } from "./call.js";
import { KINDS } from "./index.js";
import type {
  BackwardContext,
  ForwardContext,
  InputShapes,
  Layer,
  ParameterSpec,
  Parameters,
  ReceptiveField,
} from "./layer.js";

/** A weight; by default one that learns and begins with zeros. */
export type OwnParameter = { readonly shape: Shape } & Partial<ParameterSpec>;

type Cache<T> = Readonly<Record<string, T>>;

/** What a layer of your own must say; all but `kind`, `forward` and `backward` have defaults. */
export interface LayerDefinition<Options extends object = object> {
  /** Snake case, as Keras writes kinds: names the layer and its weights, and stands for it in files. */
  readonly kind: string;
  /** The class name that the summary shows. */
  readonly title?: string;
  /** The options that there are, with their defaults. Default: none. */
  readonly defaults?: Options;
  /** Throws when an option is wrong. */
  check?(options: Options): void;
  /** Of one example. Default: the input's own. */
  outputShape?(inputs: InputShapes, options: Options): Shape;
  /** Default: none. */
  parameters?(inputs: InputShapes, options: Options): Readonly<Record<string, OwnParameter>>;
  /** `cache` is what backward needs; nothing else reaches it. */
  forward<T extends Tensor>(
    backend: Backend<T>,
    x: T,
    parameters: Parameters<T>,
    options: Options,
    context: ForwardContext,
  ): { readonly y: T; readonly cache?: Cache<T> };
  /** The gradient of the loss with respect to x and, by name, to each parameter that learns. */
  backward<T extends Tensor>(
    backend: Backend<T>,
    dY: T,
    parameters: Parameters<T>,
    cache: Cache<T>,
    options: Options,
    context: BackwardContext,
  ): { readonly dX: T; readonly parameters?: Parameters<T> };
  /** Forward, one example; a multiply-add counts 2. Default: 0. */
  flops?(inputs: InputShapes, options: Options): number;
  /** Default: a unit sees one unit of the input. */
  receptiveField?(field: ReceptiveField, options: Options): ReceptiveField;
}

/** Makes layers: as `layers.conv2d` does. `layer` is what `checkLayer` of cbapd/verify takes. */
export interface OwnLayer<Options extends object> {
  (given?: Partial<Options> & LayerNaming): LayerCall;
  readonly layer: Layer<Options>;
}

/** In this process. A file can name one of them, and never brings one along. */
const own = new Map<string, Layer>();

export function ownKinds(): ReadonlyMap<string, Layer> {
  return own;
}

/** Built in, or defined in this process. */
export function layerOfKind(kind: string): Layer | undefined {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind] : own.get(kind);
}

/**
 * A layer of your own. Once defined, files of networks that have it can be read in this process; a second definition of the same
 * kind takes the place of the first. Hold it against central differences with `checkLayer` of cbapd/verify.
 * @throws OptionError
 */
export function defineLayer<Options extends object = Record<never, never>>(
  definition: LayerDefinition<Options>,
): OwnLayer<Options> {
  const layer = layerOf(definition);
  own.set(layer.kind, layer as Layer);
  const call = callable<object>(layer as Layer);
  return Object.assign((given: Partial<Options> & LayerNaming = {}) => call(given), { layer });
}

function layerOf<Options extends object>(definition: LayerDefinition<Options>): Layer<Options> {
  const { kind, title = kind, defaults = {} as Options } = definition;
  if (typeof kind !== "string" || !/^[a-z][a-z0-9_]{0,63}$/.test(kind)) {
    throw new OptionError(
      `defineLayer: kind must be lower case letters, digits and _, as "swish"; got ${show(kind)}.`,
    );
  }
  if (Object.hasOwn(KINDS, kind)) {
    throw new OptionError(`defineLayer: kind ${show(kind)} is a layer of cbapd's own. Choose another.`);
  }
  for (const method of ["forward", "backward"] as const) {
    if (typeof definition[method] !== "function") {
      throw new OptionError(
        `defineLayer: ${kind} must have a function ${method}; got ${show(definition[method])}.`,
      );
    }
  }
  return {
    kind,
    title,
    options(given) {
      rejectUnknownKeys(kind, given, Object.keys(defaults));
      const options = { ...defaults, ...given };
      definition.check?.(options);
      return options;
    },
    outputShape(inputs, options, name) {
      if (inputs.length !== 1) throw new ShapeError(`${name}: takes one input; got ${inputs.length}.`);
      const shape = definition.outputShape?.(inputs, options) ?? inputs[0];
      if (
        Array.isArray(shape) &&
        shape.length > 0 &&
        shape.every((size) => Number.isInteger(size) && size > 0)
      ) {
        return shape;
      }
      throw new ShapeError(`${name}: outputShape must give a list of positive integers; got ${show(shape)}.`);
    },
    parameterSpecs(inputs, options) {
      const given = Object.entries(definition.parameters?.(inputs, options) ?? {});
      return Object.fromEntries(
        given.map(([name, spec]) => [name, { initializer: "zeros", trainable: true, ...spec } as const]),
      );
    },
    forward(backend, [x], parameters, options, context) {
      const { y, cache = {} } = definition.forward(backend, x, parameters, options, context);
      return { y, cache };
    },
    backward(backend, dY, parameters, cache, options, context) {
      const back = definition.backward(backend, dY, parameters, cache, options, context);
      const { parameters: gradients = {} } = back;
      const specs = Object.entries(this.parameterSpecs(context.inputs, options));
      const missing = specs.find(([name, { trainable }]) => trainable && !gradients[name]);
      if (missing)
        throw new OptionError(`${kind}: backward must give the gradient of ${missing[0]}; got none.`);
      return { dXs: [context.dX ? back.dX : undefined], parameters: gradients };
    },
    flops: (inputs, options) => definition.flops?.(inputs, options) ?? 0,
    receptiveField: (field, options) => definition.receptiveField?.(field, options) ?? field,
  };
}
