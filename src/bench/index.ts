/** Timing: profiles and benchmarks of kernels, whole steps and peers. */
export { type Profile, type ProfileOptions, profileStep } from "./profile.js";
export type { Mode, StepSettings } from "./stepSession.js";
export { chromeTrace } from "./trace.js";
