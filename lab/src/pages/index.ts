/** All pages, in the order of the navigation. A new page is a line here. */

import { exercisesPage } from "./exercises.js";
import { gradientPage } from "./gradient.js";
import { layerPage } from "./layer.js";
import { ownPage } from "./own.js";
import type { Page } from "./page.js";
import { receptivePage } from "./receptive.js";
import { stepPage } from "./step.js";
import { trainPage } from "./train.js";

export const PAGES: readonly Page[] = [
  trainPage,
  stepPage,
  layerPage,
  receptivePage,
  gradientPage,
  ownPage,
  exercisesPage,
];

export function pageOf(name: string): Page {
  return PAGES.find((page) => page.name === name) ?? PAGES[0];
}
