/** Timing: profiles and benchmarks of kernels, whole steps and peers. */
export { CONTENDERS, type ContenderName } from "./contenders/contender.js";
export { benchKernels, type KernelOptions, type KernelReport, type KernelResult } from "./kernels.js";
export { LimitMeter, type Limits } from "./limits.js";
export { benchPeers, type Comparison, type PeersOptions, type PeersReport } from "./peers.js";
export { type Profile, type ProfileOptions, profileStep } from "./profile.js";
export type { Mode, StepSettings } from "./stepSession.js";
export { benchStep, type StepResult } from "./steps.js";
export { chromeTrace } from "./trace.js";
