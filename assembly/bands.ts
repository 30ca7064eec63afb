/**
 * Kernels that write a band of a concatenation's channels, or read one, so that nothing is copied into it or out of it. Each
 * computes the very numbers of those that it stands for: see src/backend/wasm/bands.ts.
 *
 * Of y [N, P, yChannels] the band is the channels [yFirst, yFirst + count); what lies beside it is left as it is.
 */
import { normalized, spreadScales } from "./batchNormalization";
import { periodOf } from "./channels";

/** A band of y = x < 0 ? 0 : x, as reluForward. x [N, P, count], images [begin, end). No aliasing. */
export function reluForwardIntoBand(
  y: usize,
  x: usize,
  yFirst: i32,
  yChannels: i32,
  count: i32,
  positions: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const yWidth = (<usize>yChannels) << 2;
  const bytes = (<usize>count) << 2;
  const first = <usize>begin * <usize>positions;
  let to = y + first * yWidth + ((<usize>yFirst) << 2);
  let from = x + first * bytes;
  for (let p = (end - begin) * positions; p > 0; --p) {
    let c: usize = 0;
    for (; c + 16 <= bytes; c += 16) v128.store(to + c, f32x4.pmax(v128.load(from + c), zero));
    for (; c < bytes; c += 4) v128.store32_lane(to + c, f32x4.pmax(v128.load32_zero(from + c), zero), 0);
    to += yWidth;
    from += bytes;
  }
}

/** A band of y = relu(normalize(x)), as normalizeReluForward. x [N, P, count], images [begin, end). No aliasing. work: 2 periods. */
export function normalizeReluForwardIntoBand(
  y: usize,
  x: usize,
  mean: usize,
  variance: usize,
  gamma: usize,
  beta: usize,
  work: usize,
  epsilon: f32,
  yFirst: i32,
  yChannels: i32,
  count: i32,
  positions: i32,
  begin: i32,
  end: i32,
): void {
  spreadScales(work, mean, variance, gamma, beta, epsilon, count);
  const shifts = work + ((<usize>periodOf(count)) << 2);
  const yWidth = (<usize>yChannels) << 2;
  const bytes = (<usize>count) << 2;
  const first = <usize>begin * <usize>positions;
  let to = y + first * yWidth + ((<usize>yFirst) << 2);
  let from = x + first * bytes;
  for (let p = (end - begin) * positions; p > 0; --p) {
    let c: usize = 0;
    for (; c + 16 <= bytes; c += 16) {
      v128.store(to + c, inline.always(normalized(from + c, 0, work + c, shifts + c, false, true)));
    }
    for (; c < bytes; c += 4) {
      let v = load<f32>(from + c) * load<f32>(work + c) + load<f32>(shifts + c);
      if (v < 0) v = 0;
      store<f32>(to + c, v);
    }
    to += yWidth;
    from += bytes;
  }
}

/**
 * dX = y > 0 ? dY : 0, as reluBackward, of a band of y and a band of dY [N, P, dYChannels]: either may be all there is.
 * dX [N, P, count], overwritten, images [begin, end). No aliasing.
 */
export function reluBackwardOfBands(
  dX: usize,
  y: usize,
  dY: usize,
  yFirst: i32,
  yChannels: i32,
  dYFirst: i32,
  dYChannels: i32,
  count: i32,
  positions: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const yWidth = (<usize>yChannels) << 2;
  const dYWidth = (<usize>dYChannels) << 2;
  const bytes = (<usize>count) << 2;
  const first = <usize>begin * <usize>positions;
  let to = dX + first * bytes;
  let gate = y + first * yWidth + ((<usize>yFirst) << 2);
  let from = dY + first * dYWidth + ((<usize>dYFirst) << 2);
  for (let p = (end - begin) * positions; p > 0; --p) {
    let c: usize = 0;
    for (; c + 16 <= bytes; c += 16) {
      v128.store(to + c, v128.and(v128.load(from + c), f32x4.gt(v128.load(gate + c), zero)));
    }
    for (; c < bytes; c += 4) store<f32>(to + c, load<f32>(gate + c) > 0 ? load<f32>(from + c) : 0);
    to += bytes;
    gate += yWidth;
    from += dYWidth;
  }
}
