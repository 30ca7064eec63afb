/**
 * What a layer is: shape rule, parameters, forward, hand-derived backward, cost. Layers hold no state: what backward needs
 * is in the cache that forward returned, parameters come from outside. So any worker may run any layer.
 */
import type { Backend, Tensor } from "../backend/backend.js";
import type { Shape } from "../shape.js";

/** Shapes of one example: no batch axis. Layers that join take several, all others one. */
export type InputShapes = readonly Shape[];

export type Initializer = "glorotUniform" | "heUniform" | "zeros" | "ones";

export interface ParameterSpec {
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** False for moving statistics: updated in forward, never by the optimizer. */
  readonly trainable: boolean;
  /** The layer adds rate·Σw² to the loss. */
  readonly l2?: number;
}

export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;
export type Parameters<T> = Readonly<Record<string, T>>;

export interface ForwardContext {
  /** Training: dropout drops, batch normalisation uses the batch. */
  readonly training: boolean;
  /** The layer's own random stream: its position in the model. */
  readonly stream: number;
  /** Its parameters stay as they are: batch normalisation then uses moving statistics, as in Keras. */
  readonly frozen?: boolean; // false
}

export interface BackwardContext {
  /** False when nobody reads dX, as for a network's first layer. */
  readonly dX: boolean;
  /** The shapes that forward's inputs had, without the batch axis. */
  readonly inputs: InputShapes;
  /** As forward had it. Nobody reads the gradients of parameters then. */
  readonly frozen?: boolean; // false
}

export interface Gradients<T> {
  /** One for each input; undefined where it was not wanted. */
  readonly dXs: readonly (T | undefined)[];
  /** By parameter name, for every trainable parameter. */
  readonly parameters: Parameters<T>;
}

/** How far one unit sees (`size`) and how far neighbouring units lie apart (`jump`), in pixels of the network's input. */
export interface ReceptiveField {
  readonly size: readonly [number, number];
  readonly jump: readonly [number, number];
}

/** `Options` are complete and checked: defaults filled in by `options()`. */
export interface Layer<Options extends object = object> {
  /** Keras' name in snake case, which names the layer and its weights: `max_pooling2d`. */
  readonly kind: string;
  /** The class name that the summary shows: `MaxPooling2D`. */
  readonly title: string;
  /** It takes several inputs. */
  readonly joins?: boolean; // false
  /** Checks what the user wrote, rejects unknown keys, fills in defaults. @throws OptionError */
  options(given: object): Options;
  /** Infers and validates: one act, one place. @throws ShapeError */
  outputShape(inputs: InputShapes, options: Options, name: string): Shape;
  /** In Keras' order: kernel, bias; gamma, beta, movingMean, movingVariance. */
  parameterSpecs(inputs: InputShapes, options: Options): ParameterSpecs;
  forward<T extends Tensor>(
    backend: Backend<T>,
    xs: readonly T[],
    parameters: Parameters<T>,
    options: Options,
    context: ForwardContext,
  ): { y: T; cache: Readonly<Record<string, T>> };
  backward<T extends Tensor>(
    backend: Backend<T>,
    dY: T,
    parameters: Parameters<T>,
    cache: Readonly<Record<string, T>>,
    options: Options,
    context: BackwardContext,
  ): Gradients<T>;
  /** Forward, one example; a multiply-add counts 2. */
  flops(inputs: InputShapes, options: Options): number;
  /** By default a layer sees one unit of its input: return it unchanged. */
  receptiveField(field: ReceptiveField, options: Options): ReceptiveField;
}

/** Weight names as Keras writes them: `movingMean` → `moving_mean`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The entries that are there: for parameters that a layer has only with some options. */
export function present<V>(entries: Readonly<Record<string, V | undefined>>): Record<string, V> {
  return Object.fromEntries(
    Object.entries(entries).filter((entry): entry is [string, V] => entry[1] !== undefined),
  );
}
