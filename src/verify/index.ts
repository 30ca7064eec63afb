/** The chain of proof, and tools for checking other people's layers. Public as `cbapd/verify`. */
export type { Layer } from "../layers/layer.js";
export { type NDArray, ndarray } from "../reference/ndarray.js";
export { type FileCase, readCaseFile } from "./caseFile.js";
export type { BackendName } from "./caseRun.js";
export { CaseError } from "./caseSource.js";
export type { Failure, Link, LinkReport, Worst } from "./chain.js";
export {
  type CheckOptions,
  type CheckReport,
  checkCase,
  type Phase,
  type TensorReport,
} from "./check.js";
export {
  type CheckLayerOptions,
  type Counterexample,
  checkLayer,
  type LayerVerdict,
  type PlainLayer,
} from "./checkLayer.js";
export type { Comparison, Verdict } from "./compare.js";
export type { Finding } from "./diagnose.js";
export { agrees, type Disagreement, type GradientCheckOptions, gradientCheck } from "./differences.js";
export { MISTAKES, type Mistake } from "./mistakes.js";
export { VERIFIABLE, type Verification, type VerifyOptions, verify } from "./verify.js";
