/**
 * Pages link to files of the repository that are not part of the site (../src/…, check/keras.py), as one reads them in the
 * repository. Here such a link becomes its text, and a file that does not exist ends the build.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const DOCS = fileURLToPath(new URL("..", import.meta.url));
const PAGES = /(\.md|\.html|\/)$/;

export function outsideLinks(md) {
  md.core.ruler.push("outside-links", ({ tokens, env }) => {
    for (const token of tokens) {
      let inside = false; // of a link that is to go
      for (const child of token.children ?? []) {
        if (child.type === "link_open" && isFile(child.attrGet("href"), env.path)) {
          inside = true;
          child.hidden = true;
        }
        if (inside && (child.type === "link_open" || child.type === "link_close")) {
          if (child.type === "link_close") inside = false;
          child.type = "text";
          child.content = "";
          child.tag = "";
        }
      }
    }
  });
}

function isFile(href, page) {
  const [path] = href.split("#");
  if (path === "" || /^(\w+:|\/)/.test(path)) return false;
  const file = resolve(dirname(page), path);
  const outside = !file.startsWith(DOCS);
  if (!outside && PAGES.test(path)) return false; // a page: VitePress looks whether it is there
  if (!existsSync(file)) throw new Error(`${page}: the link must lead to a file; got ${href}.`);
  return true;
}
