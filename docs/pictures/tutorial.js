/** Pictures of the tutorial: receptive fields, padding, and the networks, whose blocks are drawn from their summaries. */
import { models, summaryData } from "../../dist/index.js";
import {
  arrow,
  BLUE,
  box,
  element,
  frame,
  GREY,
  grid,
  INK,
  line,
  ORANGE,
  PALE,
  PEACH,
  picture,
  SKY,
  small,
  text,
} from "./svg.js";

const within = (low, high) => (i, j) => i >= low && i <= high && j >= low && j <= high;

function receptiveField() {
  const inner = within(1, 3);
  return picture(600, 240, "Two 3×3 layers see what one 5×5 sees", [
    grid(20, 35, 5, 5, 32, { fill: (i, j) => (inner(i, j) ? SKY : PALE) }),
    frame(20, 35, 160, 160, ORANGE),
    frame(52, 67, 96, 96, BLUE),
    arrow(190, 115, 235, 115),
    small(212, 102, "3×3"),
    grid(250, 67, 3, 3, 32, { fill: () => SKY }),
    frame(250, 67, 96, 96, BLUE),
    arrow(356, 115, 401, 115),
    small(378, 102, "3×3"),
    grid(420, 99, 1, 1, 32, { fill: () => PEACH }),
    element("path", {
      d: "M 100 205 C 180 240, 380 240, 436 140",
      fill: "none",
      stroke: ORANGE,
      "stroke-width": 1.5,
      "stroke-dasharray": "5 4",
    }),
    small(300, 232, "5×5", { fill: ORANGE }),
    small(100, 24, "5×5"),
    small(298, 24, "3×3"),
    small(436, 24, "1×1"),
  ]);
}

function field() {
  const colour = (i, j) =>
    within(3, 3)(i, j) ? ORANGE : within(2, 4)(i, j) ? "#7cc0ea" : within(1, 5)(i, j) ? SKY : PALE;
  return picture(320, 320, "A receptive field", [
    grid(20, 20, 7, 7, 40, { fill: colour, stroke: "#fff" }),
    frame(100, 100, 120, 120, BLUE),
    frame(60, 60, 200, 200, ORANGE),
  ]);
}

function padding() {
  const padded = within(1, 5);
  return picture(620, 330, "valid and same padding of a 5×5 image with a 3×3 kernel", [
    text(160, 22, 'padding: "valid"'),
    grid(45, 75, 5, 5, 30, { fill: () => "#fff" }),
    frame(45, 75, 90, 90, BLUE),
    arrow(205, 150, 235, 150),
    grid(245, 105, 3, 3, 30, { fill: (i, j) => (i + j === 0 ? SKY : "#fff") }),
    small(120, 250, "5×5"),
    small(290, 250, "3×3"),
    text(470, 22, 'padding: "same"'),
    grid(345, 45, 7, 7, 22, {
      fill: (i, j) => (padded(i, j) ? "#fff" : PALE),
      label: (i, j) => (padded(i, j) ? "" : 0),
    }),
    frame(345, 45, 66, 66, BLUE),
    arrow(508, 122, 528, 122),
    grid(533, 82, 5, 5, 16, { fill: (i, j) => (i + j === 0 ? SKY : "#fff") }),
    small(422, 230, "5×5, 0"),
    small(573, 230, "5×5"),
    text(310, 285, "out = ⌊(in − k) / s⌋ + 1", { "font-size": 13, "text-anchor": "end" }),
    text(480, 285, "out = ⌈in / s⌉", { "font-size": 13 }),
  ]);
}

const COLOURS = {
  InputLayer: PALE,
  Conv2D: SKY,
  Concatenate: SKY,
  MaxPooling2D: "#cfe8d3",
  GlobalAveragePooling2D: "#cfe8d3",
  Dense: PEACH,
};
const outputsImage = ({ outputShape }) => outputShape.length === 3;

/** Boxes as high as the picture and as wide as its channels, in the order of the layers that have weights or change the size. */
function networkPicture(name) {
  const { layers } = summaryData(models[name]());
  // Of branches side by side only where they join.
  const joins = layers.some(({ type }) => type === "Concatenate");
  const shown = layers.filter(
    ({ type }, index) =>
      type in COLOURS && !(joins && type !== "Concatenate" && index > 1 && outputsImage(layers[index])),
  );
  let x = 45;
  const parts = [];
  const crowded = shown.length > 14;
  let before;
  for (const { type, outputShape } of shown) {
    const image = outputShape.length === 3;
    const channels = outputShape[outputShape.length - 1];
    const height = image ? 24 + outputShape[0] * 4 : 24 + Math.log2(channels) * 8;
    const width = image ? 8 + Math.log2(channels) * (crowded ? 2 : 4) : 12;
    parts.push(box(x, 110 - height / 2, width, height, COLOURS[type], INK));
    const label = image ? `${outputShape[0]}×${outputShape[1]}×${channels}` : String(channels);
    if (label !== before) {
      const at = x + width / 2;
      parts.push(
        element(
          "text",
          {
            x: at,
            y: 202,
            "font-size": 10,
            "text-anchor": "end",
            transform: `rotate(-40 ${at.toFixed(2)} 202)`,
          },
          label,
        ),
      );
    }
    before = label;
    x += width + (crowded ? 6 : 14);
  }
  const legend = [
    ["conv", SKY],
    ["pool", "#cfe8d3"],
    ["dense", PEACH],
  ].map(([word, colour], i) => [
    box(20 + i * 75, 8, 12, 12, colour, INK),
    small(37 + i * 75, 18, word, { "text-anchor": "start" }),
  ]);
  return picture(Math.ceil(Math.max(x + 10, 260)), 250, name, [legend, parts]);
}

const stage = (x, y, label, fill = SKY, width = 92) => [
  box(x, y, width, 34, fill),
  small(x + width / 2, y + 22, label),
];

function inceptionBlock() {
  return picture(620, 300, "The inception block: four branches, joined along the channels", [
    stage(254, 10, "x", PALE),
    ...[60, 200, 340, 480].map((x) => arrow(300, 44, x + 46, 90)),
    stage(60, 92, "1×1"),
    stage(200, 92, "1×1"),
    stage(340, 92, "1×1"),
    stage(480, 92, "max 3×3", "#cfe8d3"),
    arrow(246, 126, 246, 158),
    arrow(386, 126, 386, 158),
    arrow(526, 126, 526, 158),
    stage(200, 160, "3×3"),
    stage(340, 160, "5×5"),
    stage(480, 160, "1×1"),
    arrow(106, 126, 230, 238),
    arrow(246, 194, 275, 238),
    arrow(386, 194, 345, 238),
    arrow(526, 194, 400, 238),
    stage(200, 240, "concatenate", PEACH, 220),
  ]);
}

function residualBlock(x, projection) {
  return [
    stage(x + 60, 10, "x", PALE),
    arrow(x + 106, 44, x + 106, 78),
    stage(x + 30, 80, projection ? "3×3, s 2, BN, relu" : "3×3, BN, relu", SKY, 152),
    arrow(x + 106, 114, x + 106, 138),
    stage(x + 30, 140, "3×3, BN", SKY, 152),
    arrow(x + 106, 174, x + 106, 203),
    element("circle", { cx: x + 106, cy: 218, r: 14, fill: PEACH, stroke: INK }),
    text(x + 106, 223, "+"),
    arrow(x + 106, 232, x + 106, 262),
    small(x + 150, 252, "relu"),
    line(x + 152, 27, x + 235, 27),
    line(x + 235, 27, x + 235, projection ? 105 : 218),
    ...(projection ? [stage(x + 185, 105, "1×1, s 2, BN", SKY, 100), line(x + 235, 139, x + 235, 218)] : []),
    arrow(x + 235, 218, x + 121, 218),
  ];
}

function residualBlocks() {
  return picture(620, 275, "Residual blocks: with the identity, and with a projection", [
    residualBlock(0, false),
    line(310, 10, 310, 265, GREY, { "stroke-dasharray": "4 4" }),
    residualBlock(320, true),
  ]);
}

export const tutorialPictures = {
  field,
  "receptive-field": receptiveField,
  padding,
  "inception-block": inceptionBlock,
  "residual-blocks": residualBlocks,
  ...Object.fromEntries(models.names.map((name) => [name, () => networkPicture(name)])),
};
