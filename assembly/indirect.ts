/**
 * Matrix products of which A lies scattered: element (i, k) of A is at a + rows[i] + steps[k], by two tables of byte offsets
 * (offsets.ts). So a convolution reads windows out of the picture itself. Tiles are those of tile.ts, 5×8, from one source
 * in which the height is a constant; the table costs one more load for 20 multiplications and additions.
 */
import { multiplyAdd } from "./multiplyAdd";

/**
 * One tile of C. Row i becomes the sum over k, plus the eight floats at addend + i·addendStep unless addend is 0: C itself with
 * ldc to add to it, a bias with 0. Panel rows of B are 32 bytes apart. Write inline.always(indirectTile(…)).
 */
export function indirectTile(
  height: i32,
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  if (height === 5) indirect5(c, ldc, a, rows, steps, b, depth, addend, addendStep);
  else if (height === 4) indirect4(c, ldc, a, rows, steps, b, depth, addend, addendStep);
  else if (height === 3) indirect3(c, ldc, a, rows, steps, b, depth, addend, addendStep);
  else if (height === 2) indirect2(c, ldc, a, rows, steps, b, depth, addend, addendStep);
  else indirect1(c, ldc, a, rows, steps, b, depth, addend, addendStep);
}

/** The same where rows of A are neighbours, 4 bytes apart, and B's rows bStep bytes. */
export function neighbourTile(
  height: i32,
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  if (height === 5) neighbours5(c, ldc, a, steps, b, bStep, depth, addend, addendStep);
  else if (height === 4) neighbours4(c, ldc, a, steps, b, bStep, depth, addend, addendStep);
  else if (height === 3) neighbours3(c, ldc, a, steps, b, bStep, depth, addend, addendStep);
  else if (height === 2) neighbours2(c, ldc, a, steps, b, bStep, depth, addend, addendStep);
  else neighbours1(c, ldc, a, steps, b, bStep, depth, addend, addendStep);
}

/** Both tiles; `height` and `near` are constants where it is inlined, and what they exclude is left out. */
function scattered(
  height: i32,
  near: bool,
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  let a0 = near ? a : a + <usize>load<u32>(rows);
  let a1 = height > 1 && !near ? a + <usize>load<u32>(rows, 4) : 0;
  let a2 = height > 2 && !near ? a + <usize>load<u32>(rows, 8) : 0;
  let a3 = height > 3 && !near ? a + <usize>load<u32>(rows, 12) : 0;
  let a4 = height > 4 && !near ? a + <usize>load<u32>(rows, 16) : 0;
  let low0 = f32x4.splat(0);
  let high0 = f32x4.splat(0);
  let low1 = f32x4.splat(0);
  let high1 = f32x4.splat(0);
  let low2 = f32x4.splat(0);
  let high2 = f32x4.splat(0);
  let low3 = f32x4.splat(0);
  let high3 = f32x4.splat(0);
  let low4 = f32x4.splat(0);
  let high4 = f32x4.splat(0);
  for (; depth > 0; depth--) {
    const left = v128.load(b);
    const right = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    low0 = multiplyAdd(low0, x0, left);
    high0 = multiplyAdd(high0, x0, right);
    if (height > 1) {
      const x1 = near ? v128.load32_splat(a0, 4) : v128.load32_splat(a1);
      low1 = multiplyAdd(low1, x1, left);
      high1 = multiplyAdd(high1, x1, right);
    }
    if (height > 2) {
      const x2 = near ? v128.load32_splat(a0, 8) : v128.load32_splat(a2);
      low2 = multiplyAdd(low2, x2, left);
      high2 = multiplyAdd(high2, x2, right);
    }
    if (height > 3) {
      const x3 = near ? v128.load32_splat(a0, 12) : v128.load32_splat(a3);
      low3 = multiplyAdd(low3, x3, left);
      high3 = multiplyAdd(high3, x3, right);
    }
    if (height > 4) {
      const x4 = near ? v128.load32_splat(a0, 16) : v128.load32_splat(a4);
      low4 = multiplyAdd(low4, x4, left);
      high4 = multiplyAdd(high4, x4, right);
    }
    const step = <usize>load<u32>(steps);
    a0 += step;
    if (!near) {
      a1 += step;
      a2 += step;
      a3 += step;
      a4 += step;
    }
    steps += 4;
    b += bStep;
  }
  if (addend) {
    v128.store(c, f32x4.add(v128.load(addend), low0));
    v128.store(c, f32x4.add(v128.load(addend, 16), high0), 16);
    if (height > 1) {
      c += ldc;
      addend += addendStep;
      v128.store(c, f32x4.add(v128.load(addend), low1));
      v128.store(c, f32x4.add(v128.load(addend, 16), high1), 16);
    }
    if (height > 2) {
      c += ldc;
      addend += addendStep;
      v128.store(c, f32x4.add(v128.load(addend), low2));
      v128.store(c, f32x4.add(v128.load(addend, 16), high2), 16);
    }
    if (height > 3) {
      c += ldc;
      addend += addendStep;
      v128.store(c, f32x4.add(v128.load(addend), low3));
      v128.store(c, f32x4.add(v128.load(addend, 16), high3), 16);
    }
    if (height > 4) {
      c += ldc;
      addend += addendStep;
      v128.store(c, f32x4.add(v128.load(addend), low4));
      v128.store(c, f32x4.add(v128.load(addend, 16), high4), 16);
    }
    return;
  }
  v128.store(c, low0);
  v128.store(c, high0, 16);
  if (height > 1) {
    c += ldc;
    v128.store(c, low1);
    v128.store(c, high1, 16);
  }
  if (height > 2) {
    c += ldc;
    v128.store(c, low2);
    v128.store(c, high2, 16);
  }
  if (height > 3) {
    c += ldc;
    v128.store(c, low3);
    v128.store(c, high3, 16);
  }
  if (height > 4) {
    c += ldc;
    v128.store(c, low4);
    v128.store(c, high4, 16);
  }
}

export function indirect5(
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(5, false, c, ldc, a, rows, steps, b, 32, depth, addend, addendStep));
}

export function indirect4(
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(4, false, c, ldc, a, rows, steps, b, 32, depth, addend, addendStep));
}

export function indirect3(
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(3, false, c, ldc, a, rows, steps, b, 32, depth, addend, addendStep));
}

export function indirect2(
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(2, false, c, ldc, a, rows, steps, b, 32, depth, addend, addendStep));
}

export function indirect1(
  c: usize,
  ldc: usize,
  a: usize,
  rows: usize,
  steps: usize,
  b: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(1, false, c, ldc, a, rows, steps, b, 32, depth, addend, addendStep));
}

export function neighbours5(
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(5, true, c, ldc, a, 0, steps, b, bStep, depth, addend, addendStep));
}

export function neighbours4(
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(4, true, c, ldc, a, 0, steps, b, bStep, depth, addend, addendStep));
}

export function neighbours3(
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(3, true, c, ldc, a, 0, steps, b, bStep, depth, addend, addendStep));
}

export function neighbours2(
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(2, true, c, ldc, a, 0, steps, b, bStep, depth, addend, addendStep));
}

export function neighbours1(
  c: usize,
  ldc: usize,
  a: usize,
  steps: usize,
  b: usize,
  bStep: usize,
  depth: i32,
  addend: usize,
  addendStep: usize,
): void {
  inline.always(scattered(1, true, c, ldc, a, 0, steps, b, bStep, depth, addend, addendStep));
}
