/**
 * The one-dimensional transforms of Winograd's F(4, 3), on vectors of four channels. A two-dimensional transform is one
 * of them along the height and then along the width. Points 0, ±a, ±b, ∞ with a = √½, b = √2, so that a² = 1/2, b² = 2,
 * a²·b² = 1; the rows of Bᵀ at ±b are doubled and those of G halved, which saves a constant. Derivation: docs/winograd.md.
 *
 * A *line* walks over `bytes` bytes of its inputs, 16 at a time. Result k of a vector goes to `to + k·stride`.
 * A *run* does the same for tiles that lie side by side in a row of pixels of `pixel` bytes: with few channels a call for
 * each tile takes as long as what it does.
 */
export const ROOT_HALF = Mathf.SQRT1_2;
export const ROOT_TWO = Mathf.SQRT2;

/**
 * t = Bᵀ·d, six values to six:
 *   t0 = d0 − 5/2·d2 + d4              t1, t2 = (d4 − 2·d2) ± a·(d3 − 2·d1)
 *   t5 = d1 − 5/2·d3 + d5              t3, t4 = (2·d4 − d2) ± b·(2·d3 − d1)
 */
export function storeInput(
  to: usize,
  stride: usize,
  to3: usize,
  a: v128,
  b: v128,
  c: v128,
  d0: v128,
  d1: v128,
  d2: v128,
  d3: v128,
  d4: v128,
  d5: v128,
): void {
  const upper = to + to3;
  v128.store(to, f32x4.add(f32x4.sub(d0, f32x4.mul(c, d2)), d4));
  v128.store(upper + 2 * stride, f32x4.add(f32x4.sub(d1, f32x4.mul(c, d3)), d5));
  const evenA = f32x4.sub(d4, f32x4.add(d2, d2));
  const oddA = f32x4.mul(a, f32x4.sub(d3, f32x4.add(d1, d1)));
  v128.store(to + stride, f32x4.add(evenA, oddA));
  v128.store(to + 2 * stride, f32x4.sub(evenA, oddA));
  const evenB = f32x4.sub(f32x4.add(d4, d4), d2);
  const oddB = f32x4.mul(b, f32x4.sub(f32x4.add(d3, d3), d1));
  v128.store(upper, f32x4.add(evenB, oddB));
  v128.store(upper + stride, f32x4.sub(evenB, oddB));
}

/** Bᵀ·d of six rows. */
export function winogradInputLine(
  to: usize,
  stride: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  r4: usize,
  r5: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  const to3 = stride * 3;
  for (let at: usize = 0; at < bytes; at += 16) {
    const d0 = v128.load(r0 + at);
    const d1 = v128.load(r1 + at);
    const d2 = v128.load(r2 + at);
    const d3 = v128.load(r3 + at);
    const d4 = v128.load(r4 + at);
    inline.always(storeInput(to, stride, to3, a, b, c, d0, d1, d2, d3, d4, v128.load(r5 + at)));
    to += 16;
  }
}

/** Bᵀ·d of six pixels, for `tiles` tiles `side` pixels apart; result k of tile t goes to `to + k·stride + t·pixel`. */
export function winogradInputRun(
  to: usize,
  stride: usize,
  from: usize,
  pixel: usize,
  side: i32,
  tiles: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const c = f32x4.splat(2.5);
  const to3 = stride * 3;
  const next = <usize>side * pixel;
  for (; tiles > 0; tiles--) {
    const r1 = from + pixel;
    const r2 = r1 + pixel;
    const r3 = r2 + pixel;
    const r4 = r3 + pixel;
    const r5 = r4 + pixel;
    for (let at: usize = 0; at < pixel; at += 16) {
      const d0 = v128.load(from + at);
      const d1 = v128.load(r1 + at);
      const d2 = v128.load(r2 + at);
      const d3 = v128.load(r3 + at);
      const d4 = v128.load(r4 + at);
      inline.always(storeInput(to, stride, to3, a, b, c, d0, d1, d2, d3, d4, v128.load(r5 + at)));
      to += 16;
    }
    from += next;
  }
}

/**
 * y = Aᵀ·m, six values to four, m_k at `from + k·fromStride`, y_k at `to_k`:
 *   y0 = m0 + s + z     y1 = a·d + b·e     y2 = s/2 + 2·z     y3 = a·d/2 + 2·b·e + m5
 * with s, d = m1 ± m2 and z, e = m3 ± m4.
 */
export function winogradOutputLine(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const from3 = fromStride * 3;
  for (let at: usize = 0; at < bytes; at += 16) {
    const m = from + at;
    const m1 = v128.load(m + fromStride);
    const m2 = v128.load(m + 2 * fromStride);
    const m3 = v128.load(m + from3);
    const m4 = v128.load(m + from3 + fromStride);
    const s = f32x4.add(m1, m2);
    const z = f32x4.add(m3, m4);
    const d = f32x4.mul(a, f32x4.sub(m1, m2));
    const e = f32x4.mul(b, f32x4.sub(m3, m4));
    v128.store(to0 + at, f32x4.add(f32x4.add(v128.load(m), s), z));
    v128.store(to1 + at, f32x4.add(d, e));
    v128.store(to2 + at, f32x4.add(f32x4.mul(half, s), f32x4.add(z, z)));
    const m5 = v128.load(m + from3 + 2 * fromStride);
    v128.store(to3 + at, f32x4.add(f32x4.add(f32x4.mul(half, d), f32x4.add(e, e)), m5));
  }
}

/** y = Aᵀ·m + shift of one vector, m_k at `m + k·fromStride`, y_k at `to_k`. */
export function storeOutput(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  m: usize,
  fromStride: usize,
  a: v128,
  b: v128,
  half: v128,
  shift: v128,
): void {
  const from3 = fromStride * 3;
  const m1 = v128.load(m + fromStride);
  const m2 = v128.load(m + 2 * fromStride);
  const m3 = v128.load(m + from3);
  const m4 = v128.load(m + from3 + fromStride);
  const s = f32x4.add(m1, m2);
  const z = f32x4.add(m3, m4);
  const d = f32x4.mul(a, f32x4.sub(m1, m2));
  const e = f32x4.mul(b, f32x4.sub(m3, m4));
  v128.store(to0, f32x4.add(f32x4.add(f32x4.add(v128.load(m), s), z), shift));
  v128.store(to1, f32x4.add(f32x4.add(d, e), shift));
  v128.store(to2, f32x4.add(f32x4.add(f32x4.mul(half, s), f32x4.add(z, z)), shift));
  const m5 = v128.load(m + from3 + 2 * fromStride);
  v128.store(to3, f32x4.add(f32x4.add(f32x4.add(f32x4.mul(half, d), f32x4.add(e, e)), m5), shift));
}

/** Aᵀ·m + bias of one tile: the last of a row, whose pixels beyond the edge go elsewhere. */
export function winogradOutputLineBias(
  to0: usize,
  to1: usize,
  to2: usize,
  to3: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  for (let at: usize = 0; at < bytes; at += 16) {
    const shift = v128.load(bias + at);
    inline.always(
      storeOutput(to0 + at, to1 + at, to2 + at, to3 + at, from + at, fromStride, a, b, half, shift),
    );
  }
}

/** Aᵀ·m + bias of `tiles` tiles: tile t's m_k at `from + t·bytes + k·fromStride`, its y_k at pixel 4·t + k from `to` on. */
export function winogradOutputRun(
  to: usize,
  from: usize,
  fromStride: usize,
  bias: usize,
  pixel: usize,
  bytes: usize,
  tiles: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  for (; tiles > 0; tiles--) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const to0 = to + at;
      const to2 = to0 + 2 * pixel;
      const shift = v128.load(bias + at);
      inline.always(storeOutput(to0, to0 + pixel, to2, to2 + pixel, from, fromStride, a, b, half, shift));
      from += 16;
    }
    to += 4 * pixel;
  }
}

/**
 * t = A·r, four values to six, the transpose of `winogradOutputLine`:
 *   t0 = r0     t1, t2 = (r0 + r2/2) ± a·(r1 + r3/2)     t3, t4 = (r0 + 2·r2) ± b·(r1 + 2·r3)     t5 = r3
 */
function storeGradient(
  to: usize,
  stride: usize,
  to3: usize,
  a: v128,
  b: v128,
  half: v128,
  d0: v128,
  d1: v128,
  d2: v128,
  d3: v128,
): void {
  const upper = to + to3;
  v128.store(to, d0);
  v128.store(upper + 2 * stride, d3);
  const evenA = f32x4.add(d0, f32x4.mul(half, d2));
  const oddA = f32x4.mul(a, f32x4.add(d1, f32x4.mul(half, d3)));
  v128.store(to + stride, f32x4.add(evenA, oddA));
  v128.store(to + 2 * stride, f32x4.sub(evenA, oddA));
  const evenB = f32x4.add(d0, f32x4.add(d2, d2));
  const oddB = f32x4.mul(b, f32x4.add(d1, f32x4.add(d3, d3)));
  v128.store(upper, f32x4.add(evenB, oddB));
  v128.store(upper + stride, f32x4.sub(evenB, oddB));
}

/** A·r of four rows. Result k of a vector goes to `to + k·stride`, which advances by 16 and by panelStride − 16 in turn: panels of 8. */
export function winogradGradientLine(
  to: usize,
  stride: usize,
  panelStride: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const to3 = stride * 3;
  let step: usize = 16;
  for (let at: usize = 0; at < bytes; at += 16) {
    const d0 = v128.load(r0 + at);
    const d1 = v128.load(r1 + at);
    const d2 = v128.load(r2 + at);
    inline.always(storeGradient(to, stride, to3, a, b, half, d0, d1, d2, v128.load(r3 + at)));
    to += step;
    step = panelStride - step;
  }
}

/** A·r of 8 channels of four rows of pixels, `pixel` bytes each; results of neighbours are 32 bytes apart. */
export function winogradGradientColumns(
  to: usize,
  stride: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  pixel: usize,
  columns: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const to3 = stride * 3;
  for (; columns > 0; columns--) {
    let d0 = v128.load(r0);
    let d1 = v128.load(r1);
    let d2 = v128.load(r2);
    inline.always(storeGradient(to, stride, to3, a, b, half, d0, d1, d2, v128.load(r3)));
    to += 16;
    d0 = v128.load(r0, 16);
    d1 = v128.load(r1, 16);
    d2 = v128.load(r2, 16);
    inline.always(storeGradient(to, stride, to3, a, b, half, d0, d1, d2, v128.load(r3, 16)));
    to += 16;
    r0 += pixel;
    r1 += pixel;
    r2 += pixel;
    r3 += pixel;
  }
}

/**
 * A·r of the four neighbours of each of `tiles` tiles, `bytes` bytes of pixels of `pixel` bytes, a multiple of 32: panels of 8 channels
 * `panelStride` apart, in which tiles are neighbours.
 */
export function winogradGradientRun(
  to: usize,
  stride: usize,
  panelStride: usize,
  from: usize,
  pixel: usize,
  bytes: usize,
  tiles: i32,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const to3 = stride * 3;
  for (; tiles > 0; tiles--) {
    let panel = to;
    const end = from + bytes;
    const next = from + 4 * pixel;
    for (; from < end; from += 32) {
      const from1 = from + pixel;
      const from2 = from1 + pixel;
      const from3 = from2 + pixel;
      let d0 = v128.load(from);
      let d1 = v128.load(from1);
      let d2 = v128.load(from2);
      inline.always(storeGradient(panel, stride, to3, a, b, half, d0, d1, d2, v128.load(from3)));
      d0 = v128.load(from, 16);
      d1 = v128.load(from1, 16);
      d2 = v128.load(from2, 16);
      inline.always(storeGradient(panel + 16, stride, to3, a, b, half, d0, d1, d2, v128.load(from3, 16)));
      panel += panelStride;
    }
    to += 32;
    from = next;
  }
}

/**
 * t = G·g, three values to six, g_k at `from + k·fromStride`, t_k at `to + k·stride`:
 *   t0 = g0     t1, t2 = −2/3·((g0 + g2/2) ± a·g1)     t3, t4 = 1/12·((g0 + 2·g2) ± b·g1)     t5 = g2
 */
export function winogradKernelLine(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const weightA = f32x4.splat(-2.0 / 3.0);
  const weightB = f32x4.splat(1.0 / 12.0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const g = from + at;
    const u = to + at;
    const g0 = v128.load(g);
    const g1 = v128.load(g + fromStride);
    const g2 = v128.load(g + 2 * fromStride);
    v128.store(u, g0);
    v128.store(u + 5 * stride, g2);
    const evenA = f32x4.add(g0, f32x4.mul(half, g2));
    const oddA = f32x4.mul(a, g1);
    v128.store(u + stride, f32x4.mul(weightA, f32x4.add(evenA, oddA)));
    v128.store(u + 2 * stride, f32x4.mul(weightA, f32x4.sub(evenA, oddA)));
    const evenB = f32x4.add(g0, f32x4.add(g2, g2));
    const oddB = f32x4.mul(b, g1);
    v128.store(u + 3 * stride, f32x4.mul(weightB, f32x4.add(evenB, oddB)));
    v128.store(u + 4 * stride, f32x4.mul(weightB, f32x4.sub(evenB, oddB)));
  }
}

/**
 * g = Gᵀ·t, six values to three, t_k at `from + k·fromStride`, g_k at `to + k·stride`:
 *   g0 = t0 + s + z     g1 = a·d + b·e     g2 = s/2 + 2·z + t5
 * with s, d = −2/3·(t1 ± t2) and z, e = 1/12·(t3 ± t4).
 */
export function winogradKernelGradientLine(
  to: usize,
  stride: usize,
  from: usize,
  fromStride: usize,
  bytes: usize,
): void {
  const a = f32x4.splat(ROOT_HALF);
  const b = f32x4.splat(ROOT_TWO);
  const half = f32x4.splat(0.5);
  const weightA = f32x4.splat(-2.0 / 3.0);
  const weightB = f32x4.splat(1.0 / 12.0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const t = from + at;
    const g = to + at;
    const t1 = v128.load(t + fromStride);
    const t2 = v128.load(t + 2 * fromStride);
    const t3 = v128.load(t + 3 * fromStride);
    const t4 = v128.load(t + 4 * fromStride);
    const s = f32x4.mul(weightA, f32x4.add(t1, t2));
    const z = f32x4.mul(weightB, f32x4.add(t3, t4));
    const d = f32x4.mul(weightA, f32x4.sub(t1, t2));
    const e = f32x4.mul(weightB, f32x4.sub(t3, t4));
    v128.store(g, f32x4.add(f32x4.add(v128.load(t), s), z));
    v128.store(g + stride, f32x4.add(f32x4.mul(a, d), f32x4.mul(b, e)));
    const t5 = v128.load(t + 5 * fromStride);
    v128.store(g + 2 * stride, f32x4.add(f32x4.add(f32x4.mul(half, s), f32x4.add(z, z)), t5));
  }
}
