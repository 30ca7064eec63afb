/**
 * Matrix products of the six networks' layers, one core: GFLOP/s, and the ratio to the machine's peak measured in the
 * same moment. FILTER=512 chooses shapes.
 */
import { PRODUCT_SCRATCH_BYTES } from "../src/backend/wasm/blocks.js";
import { randomValues } from "../test/support/arrays.js";
import { Core } from "../test/support/kernels.js";
import { checkElements, rate } from "./support/measure.js";

/** m, k, n, and where they come from. */
const SHAPES: readonly [number, number, number, string][] = [
  [512, 512, 512, "square"],
  [4608, 864, 256, "alexnet8, second convolution, 27 images"],
  [3200, 150, 16, "lenet5, second convolution"],
  [32768, 75, 6, "baseline, convolution"],
  [32, 2048, 2048, "alexnet8, dense"],
  [32, 512, 512, "vgg16, dense"],
  [32, 1536, 128, "baseline, dense"],
  [32, 400, 120, "lenet5, dense"],
];
const FORMS = ["matmul", "matmulNT", "matmulTN"] as const;

for (const [m, k, n, origin] of SHAPES) {
  if (process.env.FILTER && !`${m}×${k}×${n}`.includes(process.env.FILTER)) continue;
  // In a dense layer the batch is m forward; for the kernel's gradient Xᵀ·dY it is what the product sums over.
  const rates = FORMS.map(
    (form) => `${form} ${form === "matmulTN" && m === 32 ? measure(form, k, m, n) : measure(form, m, k, n)}`,
  );
  console.log(`${m}×${k}×${n}`.padEnd(14), rates.join("   "), ` ${origin}`);
}

function measure(form: (typeof FORMS)[number], m: number, k: number, n: number): string {
  const core = new Core();
  const a = randomValues(m * k, 1);
  const b = randomValues(k * n, 2);
  const [aAt, bAt] = [core.putFloats(a), core.putFloats(b)];
  const cAt = core.allocate(m * n * 4);
  const scratch = core.allocate(PRODUCT_SCRATCH_BYTES);
  const product = core.exports[form];
  for (let warm = 0; warm < 20; warm++) product(cAt, aAt, bAt, scratch, m, n, k, 0, Math.min(m, 23));
  product(cAt, aAt, bAt, scratch, m, n, k, 0, m);
  const expected = (index: number) => {
    const [i, j] = [Math.floor(index / n), index % n];
    let sum = 0;
    for (let p = 0; p < k; p++) {
      sum += a[form === "matmulTN" ? p * m + i : i * k + p] * b[form === "matmulNT" ? j * k + p : p * n + j];
    }
    return sum;
  };
  checkElements(form, core.floats(cAt, m * n), expected, k);
  return rate(2 * m * n * k, () => product(cAt, aAt, bAt, scratch, m, n, k, 0, m));
}
