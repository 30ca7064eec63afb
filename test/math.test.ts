/**
 * exp, log, tanh and sigmoid over the whole float32 range, against JavaScript's double precision rounded to float32.
 * The bound is in units in the last place: how many floats lie between the result and the right one, which is what
 * was measured. The core has the same bits everywhere, so it can be held to that.
 */
import { expect, test } from "vitest";
import { Core } from "./support/kernels.js";

const core = new Core();
const { expArray, logArray, tanhForward, sigmoidForward } = core.exports;

/** A prime, so that all exponents and all ends of the fraction occur: 16.7 million patterns. */
const STRIDE = 257;
const CHUNK = 1 << 20;

function sigmoid(x: number): number {
  const z = Math.exp(-Math.abs(x));
  return (x < 0 ? z : 1) / (1 + z);
}

const functions = [
  { name: "exp", run: expArray, oracle: Math.exp, bound: 1 },
  { name: "log", run: logArray, oracle: Math.log, bound: 1 },
  {
    name: "tanh",
    run: (y: number, x: number, begin: number, end: number) => tanhForward(y, x, 1, begin, end),
    oracle: Math.tanh,
    bound: 1,
  },
  {
    name: "sigmoid",
    run: (y: number, x: number, begin: number, end: number) => sigmoidForward(y, x, 1, begin, end),
    oracle: sigmoid,
    bound: 2,
  },
];

/** Floats in order as integers in order: the difference counts the floats between. −0 and 0 are the same. */
function inOrder(bits: number): number {
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

for (const { name, run, oracle, bound } of functions) {
  test(`${name} is within ${bound} ulp over the whole range`, () => {
    core.reset();
    const x = core.allocate(CHUNK * 4);
    const y = core.allocate(CHUNK * 4);
    const expected = new Float32Array(1);
    const expectedBits = new Int32Array(expected.buffer);
    let worst = 0;
    let worstAt = 0;
    for (let first = 0; first < 2 ** 32; first += CHUNK * STRIDE) {
      const count = Math.min(CHUNK, Math.ceil((2 ** 32 - first) / STRIDE));
      const patterns = new Uint32Array(core.memory.buffer, x, count);
      for (let i = 0; i < count; i++) patterns[i] = first + i * STRIDE;
      run(y, x, 0, count);
      const xs = new Float32Array(core.memory.buffer, x, count);
      const ys = new Float32Array(core.memory.buffer, y, count);
      const bits = new Int32Array(core.memory.buffer, y, count);
      for (let i = 0; i < count; i++) {
        expected[0] = oracle(xs[i]);
        const ulps = Number.isNaN(expected[0])
          ? Number.isNaN(ys[i])
            ? 0
            : Number.POSITIVE_INFINITY
          : Number.isNaN(ys[i])
            ? Number.POSITIVE_INFINITY
            : Math.abs(inOrder(bits[i]) - inOrder(expectedBits[0]));
        if (ulps > worst) {
          worst = ulps;
          worstAt = xs[i];
        }
      }
    }
    core.checkGuards();
    console.info(`${name}: at most ${worst} ulp, at ${worstAt}`);
    expect(worst, `${name}(${worstAt})`).toBeLessThanOrEqual(bound);
  });
}

test("special values are exact", () => {
  core.reset();
  const cases: [typeof expArray, number[], number[]][] = [
    [
      expArray,
      [0, -0, Infinity, -Infinity, Number.NaN, 88.73, -104],
      [1, 1, Infinity, 0, Number.NaN, Infinity, 0],
    ],
    [
      logArray,
      [1, 0, -0, Infinity, -1, -Infinity, Number.NaN],
      [0, -Infinity, -Infinity, Infinity, Number.NaN, Number.NaN, Number.NaN],
    ],
    [functions[2].run, [0, -0, Infinity, -Infinity, Number.NaN, 1e-45], [0, -0, 1, -1, Number.NaN, 1e-45]],
    [functions[3].run, [0, -0, Infinity, -Infinity, Number.NaN, -104], [0.5, 0.5, 1, 0, Number.NaN, 0]],
  ];
  for (const [run, xs, expected] of cases) {
    const y = core.allocate(xs.length * 4);
    run(y, core.putFloats(xs), 0, xs.length);
    core.checkGuards();
    expect([...core.floats(y, xs.length)]).toEqual([...Float32Array.from(expected)]);
  }
});
