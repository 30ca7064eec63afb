/** The library's face in a page and in its workers: what needs no files. */
export * from "./common.js";
export * as datasets from "./data/browser.js";
