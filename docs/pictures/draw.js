/** Draws every picture of the pages: node docs/pictures/draw.js; with --check it only looks whether they are as drawn. Nothing in them is copied from anywhere. */
import { readFileSync, writeFileSync } from "node:fs";
import { layerPictures } from "./layers.js";
import { optimizerPicture } from "./optimizer.js";
import { tutorialPictures } from "./tutorial.js";

const check = process.argv.includes("--check");
const all = { ...layerPictures, optimizer: optimizerPicture, ...tutorialPictures };
for (const [name, draw] of Object.entries(all)) {
  const svg = draw();
  // The home page's picture has a fixed address, so it lies in public/ too.
  for (const file of name === "field" ? [`${name}.svg`, `../public/${name}.svg`] : [`${name}.svg`]) {
    const place = new URL(file, import.meta.url);
    if (!check) writeFileSync(place, svg);
    else if (readFileSync(place, "utf8") !== svg) {
      console.error(`${file} is not what draw.js draws: node docs/pictures/draw.js`);
      process.exitCode = 1;
    }
  }
}
