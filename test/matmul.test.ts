/** The three products against float64 loops, at tile and panel edges, with guards, and the same bits for any split. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EDGE_BYTES, PRODUCT_SCRATCH_BYTES } from "../src/backend/wasm/blocks.js";
import { randomValues } from "./support/arrays.js";
import { expectClose, sumTolerance } from "./support/close.js";
import { Core } from "./support/kernels.js";

const core = new Core();

type Form = "matmul" | "matmulNT" | "matmulTN";
const forms: readonly Form[] = ["matmul", "matmulNT", "matmulTN"];

/** C[i, j] = Σ_p A[i, p]·B[p, j], each operand stored as its form says. */
function plain(form: Form, a: Float64Array, b: Float64Array, m: number, n: number, k: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let p = 0; p < k; p++) {
        const aValue = form === "matmulTN" ? a[p * m + i] : a[i * k + p];
        const bValue = form === "matmulNT" ? b[j * k + p] : b[p * n + j];
        c[i * n + j] += aValue * bValue;
      }
    }
  }
  return c;
}

function run(form: Form, a: Float64Array, b: Float64Array, m: number, n: number, k: number, cuts: number[]) {
  core.reset();
  const aAt = core.putFloats(a);
  const bAt = core.putFloats(b);
  const cAt = core.allocate(m * n * 4);
  const scratch = core.allocate(PRODUCT_SCRATCH_BYTES);
  const edges = [0, ...cuts, m];
  for (let i = 1; i < edges.length; i++)
    core.exports[form](cAt, aAt, bAt, scratch, m, n, k, edges[i - 1], edges[i]);
  core.checkGuards();
  return core.floats(cAt, m * n);
}

function check(form: Form, m: number, n: number, k: number): void {
  const a = randomValues(m * k, 1);
  const b = randomValues(k * n, 2);
  const whole = run(form, a, b, m, n, k, []);
  expectClose(whole, plain(form, a, b, m, n, k), { rtol: sumTolerance(k) }, `${form} ${m}×${n}×${k}`);
  const third = Math.floor(m / 3);
  expect(run(form, a, b, m, n, k, [third])).toEqual(whole);
  expect(run(form, a, b, m, n, k, [third, third, m - third])).toEqual(whole);
}

describe.each(forms)("%s", (form) => {
  test("a product small enough to check by hand", () => {
    // [1 2 3; 4 5 6] · [7 8; 9 10; 11 12] = [58 64; 139 154]
    const a = form === "matmulTN" ? [1, 4, 2, 5, 3, 6] : [1, 2, 3, 4, 5, 6];
    const b = form === "matmulNT" ? [7, 9, 11, 8, 10, 12] : [7, 8, 9, 10, 11, 12];
    const c = run(form, Float64Array.from(a), Float64Array.from(b), 2, 2, 3, []);
    expect([...c]).toEqual([58, 64, 139, 154]);
  });

  test("tile edges: heights 1 to 11, widths 1 to 17", () => {
    for (let m = 1; m <= 11; m++) for (let n = 1; n <= 17; n++) check(form, m, n, 1 + ((m * n) % 7));
  });

  test.each([
    [120, 8, 256],
    [121, 9, 257],
    [241, 6, 75],
    [5, 256, 3],
    [7, 265, 131],
    [1, 10, 300],
  ])("block edges: %i×%i×%i", (m, n, k) => check(form, m, n, k));

  test("any sizes", () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, size, (m, n, k) => check(form, m, n, k)),
      { numRuns: 100 },
    );
  });
});

test("multiply adds to C when asked, and leaves columns beyond n alone", () => {
  const [m, n, k, ldc] = [7, 3, 4, 5];
  const a = randomValues(m * k, 3);
  const b = randomValues(k * n, 4);
  const before = randomValues(m * ldc, 5);
  core.reset();
  const panelBytes = k * 32;
  const panels = core.allocate(panelBytes);
  const panel = new Float32Array(core.memory.buffer, panels, k * 8).fill(0);
  for (let p = 0; p < k; p++) for (let j = 0; j < n; j++) panel[p * 8 + j] = b[p * n + j];
  const aAt = core.putFloats(a);
  const cAt = core.putFloats(before);
  const edge = core.allocate(EDGE_BYTES);
  core.exports.multiply(cAt, ldc * 4, aAt, k * 4, panels, panelBytes, m, n, k, 1, edge);
  core.checkGuards();
  const product = plain("matmul", a, b, m, n, k);
  const expected = before.map((v, e) => v + (e % ldc < n ? product[Math.floor(e / ldc) * n + (e % ldc)] : 0));
  expectClose(core.floats(cAt, m * ldc), expected, { rtol: sumTolerance(k + 1) });
  core.exports.multiply(cAt, ldc * 4, aAt, k * 4, panels, panelBytes, m, n, k, 0, edge);
  const overwritten = core.floats(cAt, m * ldc).filter((_, e) => e % ldc < n);
  expectClose(overwritten, product, { rtol: sumTolerance(k) });
});
