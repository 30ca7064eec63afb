/**
 * The built site: every link within it leads to a page, an anchor or a file that exists, and nothing is fetched from elsewhere: no script,
 * style, picture or font. VitePress itself looks at pages only, not at anchors. Exit code 1 with a list of what is wrong.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL(".vitepress/dist", import.meta.url));
const BASE = process.env.DOCS_BASE ?? "/";

const files = new Set(readdirSync(DIST, { recursive: true, encoding: "utf8" }).map((name) => `/${name}`));
const pages = [...files].filter((name) => name.endsWith(".html"));
const text = new Map(pages.map((name) => [name, readFileSync(DIST + name, "utf8")]));
const idsOf = new Map(
  pages.map((name) => [name, new Set([...text.get(name).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))]),
);

const faults = [];
let links = 0;
for (const page of pages) {
  const html = text.get(page).replaceAll(/<!--.*?-->/gs, "");
  for (const [, tag, attributes] of html.matchAll(/<(a|link|script|img|iframe|source)\s([^>]*)>/g)) {
    const target = /\s?(?:href|src)="([^"]*)"/.exec(attributes)?.[1].replaceAll("&amp;", "&");
    if (target === undefined || target.startsWith("data:")) continue;
    if (/^(\w+:|\/\/)/.test(target)) {
      if (tag !== "a") faults.push(`${page}: <${tag}> must be of the site itself; got ${target}`);
      continue;
    }
    links++;
    const fault = faultOf(page, target);
    if (fault) faults.push(`${page}: ${fault}`);
  }
}
for (const name of [...files].filter((file) => file.endsWith(".css"))) {
  const foreign = /url\(["']?(https?:|\/\/)[^)]*\)/.exec(readFileSync(DIST + name, "utf8"));
  if (foreign) faults.push(`${name}: must fetch nothing from elsewhere; got ${foreign[0]}`);
}

for (const fault of new Set(faults)) console.error(fault);
console.log(`${pages.length} pages, ${links} links within the site, ${new Set(faults).size} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;

function faultOf(page, target) {
  const url = new URL(target, `http://site${BASE}${page.slice(1)}`);
  const path = decodeURIComponent(url.pathname).slice(BASE.length - 1);
  const file = [path, `${path}.html`, `${path}index.html`].find(
    (name) => files.has(name) && statSync(DIST + name).isFile(),
  );
  if (!file) return `the link ${target} leads nowhere`;
  const anchor = decodeURIComponent(url.hash.slice(1));
  const known = idsOf.get(file);
  return anchor === "" || !known || known.has(anchor) ? undefined : `${file} has no anchor; got ${target}`;
}
