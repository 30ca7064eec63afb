/** Draws every picture of the pages: node docs/pictures/draw.js. Nothing in them is copied from anywhere. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { layerPictures } from "./layers.js";
import { optimizerPicture } from "./optimizer.js";
import { tutorialPictures } from "./tutorial.js";

/** Name of the file, without its ending, and what it holds. */
export function drawAll() {
  const all = { ...layerPictures, optimizer: optimizerPicture, ...tutorialPictures };
  return Object.entries(all).map(([name, draw]) => [name, draw()]);
}

const here = fileURLToPath(new URL(".", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(`${here}../public`, { recursive: true });
  for (const [name, svg] of drawAll()) {
    writeFileSync(`${here}${name}.svg`, svg);
    if (name === "field") writeFileSync(`${here}../public/field.svg`, svg);
  }
}
