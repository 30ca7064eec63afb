/** In a page there is no foreign oracle: see load.ts. */
import type * as Node from "./load.js";

export const loadTfjs: typeof Node.loadTfjs = async () => undefined;
