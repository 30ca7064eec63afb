/** Charts beside one another on one white sheet with a title, as one SVG. */
import type * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

export interface Panel {
  readonly x: number;
  readonly y: number;
  readonly svg: Element;
}

/** Of the sheet's top, for the title. */
export const TITLE_HEIGHT = 40;

/** What every chart has in common. */
export function chartFrame(width: number, height: number): Plot.PlotOptions {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  return {
    document,
    width,
    height,
    style: { background: "white", fontFamily: "inherit", fontSize: "12px" },
  };
}

export function sheet(title: string, width: number, height: number, panels: readonly Panel[]): string {
  const placed = panels.map(({ x, y, svg }) => {
    svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    svg.setAttribute("x", String(x));
    svg.setAttribute("y", String(y));
    return svg.outerHTML;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="'DejaVu Sans', system-ui, sans-serif">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${width / 2}" y="26" text-anchor="middle" font-size="16">${escapeXml(title)}</text>`,
    ...placed,
    "</svg>\n",
  ].join("\n");
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
