/** Thirty steps of three optimizers down a valley that is steep across and flat along: f = (a² + 12·b²)/2, by cbapd/reference. */
import { adamUpdate, ndarray, sgdUpdate } from "../../dist/reference/index.js";
import { axes, BLUE, element, GREEN, GREY, INK, ORANGE, path, picture, small } from "./svg.js";

const START = [-4, 1.6];
const STEPS = 30;
const slope = ({ data: [a, b] }) => ndarray([2], [a, 12 * b]);

function walk(update) {
  const w = ndarray([2], START);
  const points = [START];
  for (let step = 1; step <= STEPS; step++) {
    update(w, slope(w), step);
    points.push([...w.data]);
  }
  return points;
}

const zeros = () => ndarray([2]);
const velocity = zeros();
const [m, v] = [zeros(), zeros()];
const WALKS = [
  [
    "SGD, 0.1",
    BLUE,
    (w, g) => sgdUpdate(w, undefined, g, { learningRate: 0.1, momentum: 0, nesterov: false }),
  ],
  [
    "momentum 0.8, 0.05",
    ORANGE,
    (w, g) => sgdUpdate(w, velocity, g, { learningRate: 0.05, momentum: 0.8, nesterov: false }),
  ],
  [
    "Adam, 0.3",
    GREEN,
    (w, g, step) =>
      adamUpdate(w, m, v, g, { learningRate: 0.3, step, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }),
  ],
];

export function optimizerPicture() {
  const { place } = axes(10, 10, 600, 250, [-5, 3], [-2, 2]);
  const [cx, cy] = place(0, 0);
  const levels = [0.5, 2, 5, 9, 14, 20].map((level) =>
    element("ellipse", {
      cx,
      cy,
      rx: (Math.sqrt(2 * level) / 8) * 600,
      ry: (Math.sqrt((2 * level) / 12) / 4) * 250,
      fill: "none",
      stroke: GREY,
      "stroke-width": 0.7,
    }),
  );
  return picture(620, 300, "Thirty steps down a valley", [
    levels,
    WALKS.map(([name, colour, update], i) => {
      const points = walk(update).map(([a, b]) => place(a, b));
      return [
        path(points, colour, { "stroke-width": 1.5 }),
        ...points.map(([x, y]) => element("circle", { cx: x, cy: y, r: 2.2, fill: colour })),
        small(110 + i * 200, 288, name, { fill: colour }),
      ];
    }),
    element("circle", { cx: place(...START)[0], cy: place(...START)[1], r: 5, fill: INK }),
  ]);
}
