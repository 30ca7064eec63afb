/** An SVG as PNG. Fonts come from a package, not from the machine: the same picture everywhere. */
import { createRequire } from "node:module";
import { Resvg } from "@resvg/resvg-js";

/** Pixels for each unit of the SVG. */
const ZOOM = 2;

export function svgToPng(svg: string): Uint8Array {
  const fontFile = createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");
  const picture = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: ZOOM },
    font: { loadSystemFonts: false, fontFiles: [fontFile], defaultFontFamily: "DejaVu Sans" },
  });
  return picture.render().asPng();
}
