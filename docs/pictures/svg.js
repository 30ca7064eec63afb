/** A little SVG: shapes as strings, numbers with two decimals, so that a picture is the same file wherever it is drawn. */
export const INK = "#1f2933";
export const PALE = "#e8eef4";
export const BLUE = "#2f86be";
export const SKY = "#bfe0f5";
export const ORANGE = "#e07b39";
export const PEACH = "#fbdcc4";
export const GREEN = "#4c9a5b";
export const GREY = "#9aa7b3";

const number = (value) => String(Number(value.toFixed(2)));

export function element(name, attributes, content = "") {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? number(value) : value}"`)
    .join("");
  return content === "" ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

const escaped = (value) =>
  String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function picture(width, height, title, parts) {
  const style = `font-family="'DejaVu Sans', Verdana, Arial, sans-serif" font-size="14" fill="${INK}"`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${style}>`;
  return `${head}\n<title>${escaped(title)}</title>\n${parts.flat(9).join("\n")}\n</svg>\n`;
}

export const box = (x, y, width, height, fill = "none", stroke = INK, more = {}) =>
  element("rect", {
    x,
    y,
    width,
    height,
    fill,
    stroke,
    "stroke-width": stroke === "none" ? undefined : 1,
    ...more,
  });

export const text = (x, y, value, more = {}) =>
  element("text", { x, y, "text-anchor": "middle", ...more }, escaped(value));

export const small = (x, y, value, more = {}) => text(x, y, value, { "font-size": 12, ...more });

export const line = (x1, y1, x2, y2, stroke = INK, more = {}) =>
  element("line", { x1, y1, x2, y2, stroke, "stroke-width": 1, ...more });

/** A straight line with a head at its end. */
export function arrow(x1, y1, x2, y2, stroke = INK) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const corner = (side) => `${number(x2 - 8 * dx + side * 4 * dy)},${number(y2 - 8 * dy - side * 4 * dx)}`;
  return [
    line(x1, y1, x2 - 6 * dx, y2 - 6 * dy, stroke, { "stroke-width": 1.5 }),
    element("polygon", { points: `${number(x2)},${number(y2)} ${corner(1)} ${corner(-1)}`, fill: stroke }),
  ];
}

/** Cells with what `label` writes into them and `fill` colours them by; null leaves a cell out. */
export function grid(
  x,
  y,
  rows,
  columns,
  size,
  { label = () => "", fill = () => "#fff", stroke = GREY } = {},
) {
  const parts = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const colour = fill(i, j);
      if (colour === null) continue;
      const written = label(i, j);
      parts.push(box(x + j * size, y + i * size, size, size, colour, stroke));
      if (written !== "") {
        parts.push(
          text(x + (j + 0.5) * size, y + (i + 0.5) * size + 5, String(written).replace("-", "−"), {
            "font-size": size < 30 ? 12 : 14,
          }),
        );
      }
    }
  }
  return parts;
}

export const frame = (x, y, width, height, colour) =>
  box(x, y, width, height, "none", colour, { "stroke-width": 3 });

export const path = (points, stroke, more = {}) =>
  element("polyline", {
    points: points.map(([x, y]) => `${number(x)},${number(y)}`).join(" "),
    fill: "none",
    stroke,
    "stroke-width": 2,
    ...more,
  });

/** Axes through the origin, and a function from x, y to places. */
export function axes(
  left,
  top,
  width,
  height,
  [xMin, xMax],
  [yMin, yMax],
  { xTicks = [], yTicks = [] } = {},
) {
  const place = (x, y) => [
    left + ((x - xMin) / (xMax - xMin)) * width,
    top + ((yMax - y) / (yMax - yMin)) * height,
  ];
  const [zeroX, zeroY] = place(Math.max(xMin, 0), Math.max(yMin, 0));
  const sign = (value) => String(value).replace("-", "−");
  const parts = [
    line(left, zeroY, left + width, zeroY, GREY),
    line(zeroX, top, zeroX, top + height, GREY),
    ...xTicks.map((x) => small(place(x, 0)[0], zeroY + 16, sign(x), { fill: GREY, "font-size": 11 })),
    ...yTicks.map((y) =>
      small(zeroX - 6, place(0, y)[1] + 4, sign(y), { fill: GREY, "font-size": 11, "text-anchor": "end" }),
    ),
  ];
  return { place, parts };
}
