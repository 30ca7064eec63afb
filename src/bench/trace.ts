/**
 * A profile's last steps in Chrome's trace format, for chrome://tracing and ui.perfetto.dev: a track a worker, its steps, in
 * them kernels and waits at barriers. Times in microseconds.
 * Source: "Trace Event Format", complete events (ph "X") and metadata (ph "M").
 */
import type { Profile } from "./profile.js";

export interface TraceEvent {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly cat?: "step" | "kernel" | "wait";
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string | number>>;
}

export interface ChromeTrace {
  readonly displayTimeUnit: "ms";
  readonly traceEvents: readonly TraceEvent[];
}

export function chromeTrace({ network, workers, batchSize, trace }: Profile): ChromeTrace {
  const start = Math.min(...trace.steps[0].map(({ began }) => began));
  const pid = 1;
  const named = (name: string, tid: number, value: string): TraceEvent => ({
    name,
    ph: "M",
    pid,
    tid,
    args: { name: value },
  });
  const events: TraceEvent[] = [
    named("process_name", 0, `cbapd ${network}, batch size ${batchSize}`),
    ...Array.from({ length: workers }, (_, worker) => named("thread_name", worker, `worker ${worker}`)),
  ];
  trace.steps.forEach((views, step) => {
    for (const [tid, times] of views.entries()) {
      const event = (
        cat: "step" | "kernel" | "wait",
        name: string,
        from: number,
        to: number,
        args?: TraceEvent["args"],
      ) => {
        const ts = 1000 * (from - start);
        if (to > from) events.push({ name, ph: "X", pid, tid, cat, ts, dur: 1000 * (to - from), args });
      };
      event("step", `step ${step}`, times.began, times.met);
      for (const [at, { arrived, met, done }] of times.calls.entries()) {
        const { label, kernel, meet, work, bytes } = trace.calls[at];
        if (meet && workers > 1) event("wait", "barrier", arrived, met, { before: label });
        const args = { kernel, bytes, ...(work && { pass: work.pass, flops: work.flops }) };
        event("kernel", label, met, done, args);
      }
      if (workers > 1) event("wait", "barrier", times.arrived, times.met, { before: "the next step" });
    }
  });
  return { displayTimeUnit: "ms", traceEvents: events };
}
