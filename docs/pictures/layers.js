/** A picture for each layer, with the numbers of the example on its page. Results come from cbapd/reference. */
import {
  averagePooling2d,
  conv2d,
  maxPooling2d,
  maxPooling2dGradient,
  ndarray,
  relu,
  sigmoid,
  tanh,
} from "../../dist/reference/index.js";
import {
  arrow,
  axes,
  BLUE,
  box,
  element,
  frame,
  GREEN,
  GREY,
  grid,
  INK,
  line,
  ORANGE,
  PALE,
  PEACH,
  path,
  picture,
  SKY,
  small,
  text,
} from "./svg.js";

const image = (rows) => ndarray([1, rows.length, rows[0].length, 1], rows.flat());
const cells =
  ({ data }, columns) =>
  (i, j) =>
    data[i * columns + j];

function conv2dPicture() {
  const x = image([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]);
  const kernel = ndarray([2, 2, 1, 1], [1, 0, 0, 1]);
  const y = conv2d(x, kernel);
  const inWindow = (i, j) => (i < 2 && j >= 1 ? SKY : "#fff");
  return picture(560, 190, "A 2×2 kernel on a 3×3 image: 2 + 6 = 8", [
    text(85, 22, "x"),
    grid(25, 35, 3, 3, 40, { label: cells(x, 3), fill: inWindow }),
    frame(65, 35, 80, 80, BLUE),
    text(185, 90, "∗"),
    text(255, 22, "kernel"),
    grid(215, 55, 2, 2, 40, { label: cells(kernel, 2), fill: () => PEACH }),
    text(335, 100, "="),
    text(415, 22, "y"),
    grid(375, 55, 2, 2, 40, { label: cells(y, 2), fill: (i, j) => (i === 0 && j === 1 ? SKY : "#fff") }),
    small(280, 176, "2·1 + 3·0 + 5·0 + 6·1 = 8"),
  ]);
}

function maxPoolingPicture() {
  const x = image([
    [1, 3, 2, 2],
    [0, 2, 2, 1],
    [-5, -1, 0, 0],
    [-3, -2, 0, 0],
  ]);
  const { y, argMax } = maxPooling2d(x);
  const dY = ndarray(y.shape, [10, 20, 30, 40]);
  const dX = maxPooling2dGradient(argMax, dY, x.shape);
  const chosen = new Set(argMax.data);
  const quarter = (i, j) => (i < 2 === j < 2 ? PALE : "#fff");
  const mark = (i, j) => (chosen.has(i * 4 + j) ? SKY : quarter(i, j));
  return picture(640, 210, "Max pooling forward and backward", [
    text(85, 22, "x"),
    grid(15, 35, 4, 4, 35, { label: cells(x, 4), fill: mark }),
    arrow(163, 105, 193, 105),
    text(235, 22, "y"),
    grid(200, 70, 2, 2, 35, { label: cells(y, 2), fill: () => SKY }),
    line(320, 20, 320, 195, GREY, { "stroke-dasharray": "4 4" }),
    text(395, 22, "dY"),
    grid(360, 70, 2, 2, 35, { label: cells(dY, 2), fill: () => PEACH }),
    arrow(440, 105, 470, 105),
    text(550, 22, "dX"),
    grid(480, 35, 4, 4, 35, {
      label: cells(dX, 4),
      fill: (i, j) => (chosen.has(i * 4 + j) ? PEACH : "#fff"),
    }),
  ]);
}

function averagePoolingPicture() {
  const x = ndarray([1, 1, 3, 1], [2, 4, 9]);
  const y = averagePooling2d(x, { poolSize: [1, 3], strides: 1, padding: "same" });
  const at = (i) => 60 + i * 50;
  const bracket = (from, to, row, colour) =>
    frame(at(from) + 3, 48 + row * 0, (to - from) * 50 - 6, 44, colour);
  return picture(560, 200, "Average pooling with padding same: only real elements count", [
    grid(10, 45, 1, 5, 50, {
      label: (_, j) => (j === 0 || j === 4 ? "" : x.data[j - 1]),
      fill: (_, j) => (j === 0 || j === 4 ? PALE : "#fff"),
    }),
    text(135, 30, "x"),
    bracket(-1, 2, 0, BLUE),
    small(85, 118, "(2 + 4) / 2", { fill: BLUE }),
    arrow(270, 70, 330, 70),
    text(425, 30, "y"),
    grid(350, 45, 1, 3, 50, { label: (_, j) => y.data[j], fill: (_, j) => (j === 0 ? SKY : "#fff") }),
    text(280, 165, "count = 2, 3, 2", { fill: GREY }),
  ]);
}

function globalAveragePicture() {
  const channel = (x, y, values, mean, colour) => [
    grid(x, y, 2, 2, 45, { label: (i, j) => values[i * 2 + j], fill: () => colour }),
    arrow(x + 100, y + 45, x + 140, y + 45),
    box(x + 150, y + 22, 45, 45, colour, GREY),
    text(x + 172.5, y + 50, mean),
  ];
  return picture(520, 140, "One mean a channel", [
    channel(20, 25, [1, 2, 3, 6], 3, SKY),
    channel(280, 25, [10, 20, 30, 20], 20, PEACH),
  ]);
}

/** Where values lie before and after, one channel; drawn from a fixed list. */
function batchNormalizationPicture() {
  const values = [2.1, 2.6, 2.9, 3.2, 3.4, 3.5, 3.9, 4.1, 4.6, 5.2];
  const mean = values.reduce((sum, v) => sum + v) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
  const row = (y, list, colour, label) => {
    const at = (v) => 250 + v * 60;
    return [
      line(60, y, 580, y, GREY),
      ...[-3, -2, -1, 0, 1, 2, 3, 4, 5].map((v) => [
        line(at(v), y - 4, at(v), y + 4, GREY),
        small(at(v), y + 20, String(v).replace("-", "−"), { fill: GREY, "font-size": 11 }),
      ]),
      ...list.map((v) =>
        element("circle", { cx: at(v), cy: y, r: 6, fill: colour, "fill-opacity": 0.75, stroke: INK }),
      ),
      text(28, y + 5, label),
    ];
  };
  return picture(600, 230, "Values of a channel before, normalised, and scaled by gamma and beta", [
    row(35, values, SKY, "x"),
    row(
      110,
      values.map((v) => (v - mean) / deviation),
      BLUE,
      "xHat",
    ),
    row(
      185,
      values.map((v) => (0.5 * (v - mean)) / deviation + 1),
      ORANGE,
      "y",
    ),
    small(500, 92, "mean 0, deviation 1"),
    small(500, 167, "gamma 0.5, beta 1"),
  ]);
}

function activationPicture() {
  const xs = Array.from({ length: 121 }, (_, i) => -4 + i / 15);
  const plot = (left, name, f, [low, high], colour) => {
    const { place, parts } = axes(left, 30, 180, 120, [-4, 4], [low, high], {
      xTicks: [-4, 4],
      yTicks: [high],
    });
    const y = f(ndarray([xs.length], xs));
    return [
      parts,
      path(
        xs.map((x, i) => place(x, y.data[i])),
        colour,
      ),
      text(left + 90, 20, name),
    ];
  };
  return picture(640, 180, "relu, sigmoid and tanh", [
    plot(20, "relu", relu, [-0.5, 4], BLUE),
    plot(235, "sigmoid", sigmoid, [-0.1, 1], ORANGE),
    plot(450, "tanh", tanh, [-1, 1], GREEN),
  ]);
}

function dropoutPicture() {
  const mask = [1, 0, 0, 1];
  const x = [1, 2, 3, 4];
  const row = (y, label, values, fill) => [
    text(50, y + 30, label),
    grid(110, y, 1, 4, 48, { label: (_, j) => values[j], fill: (_, j) => fill(j) }),
  ];
  const kept = (colour) => (j) => (mask[j] ? colour : PALE);
  return picture(430, 190, "Half of the elements fall, the others are doubled", [
    row(10, "x", x, () => "#fff"),
    row(70, "mask", mask, kept(SKY)),
    row(
      130,
      "y",
      x.map((v, j) => v * mask[j] * 2),
      kept(SKY),
    ),
    small(365, 158, "÷ (1 − rate)", { fill: GREY }),
  ]);
}

function flattenPicture() {
  const colours = [SKY, PEACH, "#cfe8d3"];
  return picture(560, 170, "Two positions of three channels become one row of six", [
    ...[0, 1].map((j) =>
      [2, 1, 0].map((c) => [
        box(30 + j * 70 + c * 12, 60 - c * 12, 60, 60, colours[c], GREY),
        ...(c === 0 ? [text(60 + j * 70, 95, j * 3 + 1)] : []),
        ...(c > 0
          ? [small(30 + j * 70 + c * 12 + 54, 60 - c * 12 + 10, j * 3 + c + 1, { "font-size": 9 })]
          : []),
      ]),
    ),
    arrow(205, 85, 250, 85),
    grid(265, 62, 1, 6, 45, { label: (_, j) => j + 1, fill: (_, j) => colours[j % 3] }),
    small(90, 150, "1 × 2 × 3", { fill: GREY }),
    small(400, 150, "6", { fill: GREY }),
  ]);
}

function densePicture() {
  const kernel = [
    [1, 0, 2],
    [1, 3, 4],
  ];
  const at = (count, i) => 100 + (i - (count - 1) / 2) * 60;
  const unit = (x, y, label, fill) => [
    element("circle", { cx: x, cy: y, r: 20, fill, stroke: INK }),
    text(x, y + 5, label),
  ];
  return picture(420, 200, "Every output is a weighted sum of all inputs", [
    kernel.map((row, i) =>
      row.map((weight, o) => [
        line(100, at(2, i), 320, at(3, o), weight === 0 ? GREY : BLUE, {
          "stroke-width": 0.8 + weight * 0.6,
        }),
        small(100 + 55 + o * 12, at(2, i) + ((at(3, o) - at(2, i)) * (55 + o * 12)) / 220 - 4, weight),
      ]),
    ),
    [1, 2].map((v, i) => unit(100, at(2, i), v, SKY)),
    [3, 6, 11].map((v, o) => unit(320, at(3, o), v, PEACH)),
    text(60, 105, "x"),
    text(370, 105, "y"),
  ]);
}

const round = (x, y, label, colour = "#fff") => [
  element("circle", { cx: x, cy: y, r: 15, fill: colour, stroke: INK }),
  text(x, y + 5, label),
];

function addPicture() {
  return picture(500, 150, "A shortcut: forward the sum, backward the same gradient to both", [
    box(140, 60, 120, 40, SKY),
    text(200, 85, "F(x)"),
    line(60, 80, 60, 25),
    line(60, 25, 330, 25),
    arrow(330, 25, 330, 64),
    arrow(25, 80, 138, 80),
    arrow(260, 80, 313, 80),
    round(330, 80, "+", PEACH),
    arrow(346, 80, 420, 80),
    text(450, 85, "y"),
    small(200, 130, "dY → dY, dY", { fill: ORANGE }),
  ]);
}

function concatenatePicture() {
  const stack = (x, y, heights, colour, label) => [
    ...Array.from({ length: heights }, (_, i) => box(x, y + i * 22, 80, 22, colour, GREY)),
    small(x + 40, y - 8, label),
  ];
  return picture(440, 180, "Channels side by side", [
    stack(30, 40, 1, SKY, "C₀ = 1"),
    stack(30, 105, 2, PEACH, "C₁ = 2"),
    arrow(125, 51, 230, 75),
    arrow(125, 127, 230, 108),
    stack(250, 60, 1, SKY, "C₀ + C₁ = 3"),
    ...[1, 2].map((i) => box(250, 60 + i * 22, 80, 22, PEACH, GREY)),
  ]);
}

function inputPicture() {
  const colours = ["#f4b8b0", "#cfe8d3", SKY];
  return picture(420, 170, "A batch of images: N × height × width × channels", [
    ...[2, 1, 0].map((n) =>
      [2, 1, 0].map((c) => box(50 + n * 90 + c * 10, 60 - c * 10, 60, 60, colours[c], GREY)),
    ),
    text(100 + 20, 150, "N × H × W × C"),
    text(350, 95, "…"),
  ]);
}

function crossEntropyPicture() {
  const { place, parts } = axes(60, 20, 340, 150, [0, 1], [0, 5], {
    xTicks: [0.5, 1],
    yTicks: [1, 2, 3, 4, 5],
  });
  const ps = Array.from({ length: 100 }, (_, i) => 0.0068 + (i / 99) * 0.9932);
  const [x, y] = place(0.2447, -Math.log(0.2447));
  return picture(440, 205, "The loss of the true class's probability", [
    parts,
    path(
      ps.map((p) => place(p, -Math.log(p))),
      BLUE,
    ),
    element("circle", { cx: x, cy: y, r: 5, fill: ORANGE }),
    small(x + 10, y - 8, "p = 0.2447, −log p = 1.4076", { "text-anchor": "start" }),
    small(400, 203, "p", { fill: GREY }),
  ]);
}

export const layerPictures = {
  conv2d: conv2dPicture,
  maxPooling2d: maxPoolingPicture,
  averagePooling2d: averagePoolingPicture,
  globalAveragePooling2d: globalAveragePicture,
  batchNormalization: batchNormalizationPicture,
  activation: activationPicture,
  dropout: dropoutPicture,
  flatten: flattenPicture,
  dense: densePicture,
  add: addPicture,
  concatenate: concatenatePicture,
  input: inputPicture,
  crossEntropy: crossEntropyPicture,
};
