/** The chain of proof, and tools for checking other people's layers. Public as `cbapd/verify`. */
export type { Layer } from "../layers/layer.js";
export { type NDArray, ndarray } from "../reference/ndarray.js";
export type { Failure, Link, LinkReport, Worst } from "./chain.js";
export {
  type CheckLayerOptions,
  type Counterexample,
  checkLayer,
  type LayerVerdict,
  type PlainLayer,
} from "./checkLayer.js";
export { agrees, type Disagreement, type GradientCheckOptions, gradientCheck } from "./differences.js";
export { VERIFIABLE, type Verification, type VerifyOptions, verify } from "./verify.js";
