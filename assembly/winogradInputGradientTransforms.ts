/** The transposes of the input transforms of F(4, 3), for `winogradInputGradient`: lines and runs as in winogradTransforms.ts. */
import { ROOT_HALF, ROOT_TWO } from "./winogradTransforms";

/**
 * d = B·t, six values to six, the transpose of `winogradInputLine`, t_k at `from + k·stride`:
 *   d0 = t0     d2 = −5/2·t0 − 2·s − z     d4 = t0 + s + 2·z
 *   d5 = t5     d3 = −5/2·t5 + d + 2·e     d1 = t5 − 2·d − e
 * with s = t1 + t2, d = a·(t1 − t2) and z = t3 + t4, e = b·(t3 − t4). d_k goes to to_k; d0 and d1 are added to what lies at add0, add1.
 */
function storeInputGradient(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  to4: usize,
  to5: usize,
  add0: usize,
  add1: usize,
  from: usize,
  stride: usize,
  a: v128,
  b: v128,
  c: v128,
): void {
  const upper = from + 3 * stride;
  const t0 = v128.load(from);
  const t1 = v128.load(from + stride);
  const t2 = v128.load(from + 2 * stride);
  const t3 = v128.load(upper);
  const t4 = v128.load(upper + stride);
  v128.store(to0, f32x4.add(v128.load(add0), t0));
  const s = f32x4.add(t1, t2);
  const z = f32x4.add(t3, t4);
  v128.store(to2, f32x4.neg(f32x4.add(f32x4.add(f32x4.mul(c, t0), f32x4.add(s, s)), z)));
  v128.store(to4, f32x4.add(f32x4.add(t0, s), f32x4.add(z, z)));
  const t5 = v128.load(upper + 2 * stride);
  const d = f32x4.mul(a, f32x4.sub(t1, t2));
  const e = f32x4.mul(b, f32x4.sub(t3, t4));
  v128.store(to1, f32x4.add(v128.load(add1), f32x4.sub(f32x4.sub(t5, f32x4.add(d, d)), e)));
  v128.store(to3, f32x4.add(f32x4.sub(f32x4.add(e, e), f32x4.mul(c, t5)), d));
  v128.store(to5, t5);
}

/** B·t of six lines: six rows, of which the first two are added to rows add0 and add1. */
export function winogradInputGradientLine(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  to4: usize,
  to5: usize,
  add0: usize,
  add1: usize,
  from: usize,
  stride: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  for (let at: usize = 0; at < bytes; at += 16) {
    inline.always(
      storeInputGradient(
        to0 + at,
        to1 + at,
        to2 + at,
        to3 + at,
        to4 + at,
        to5 + at,
        add0 + at,
        add1 + at,
        from + at,
        stride,
        a,
        b,
        c,
      ),
    );
  }
}

/**
 * B·t of `tiles` tiles side by side: tile t's values at `from + t·pixel + k·stride`, its six pixels from pixel 4·t of `to` on. Its first
 * two are added to those that are there: the last of the tile before, or zeros.
 */
export function winogradInputGradientRun(
  to: usize,
  from: usize,
  stride: usize,
  pixel: usize,
  tiles: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  for (; tiles > 0; tiles--) {
    for (let at: usize = 0; at < pixel; at += 16) {
      const to0 = to + at;
      const to1 = to0 + pixel;
      const to2 = to1 + pixel;
      const to3 = to2 + pixel;
      const to4 = to3 + pixel;
      inline.always(
        storeInputGradient(to0, to1, to2, to3, to4, to4 + pixel, to0, to1, from, stride, a, b, c),
      );
      from += 16;
    }
    to += 4 * pixel;
  }
}
