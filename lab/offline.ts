/**
 * The lab works without a network once it has been loaded: a service worker keeps all files of the build. The build writes it,
 * since only the build knows their names; the names hold hashes, so a new build is a new worker with a new store.
 */
import { createHash } from "node:crypto";
import type { Plugin } from "vite";

export function offline(): Plugin {
  return {
    name: "cbapd-lab-offline",
    apply: "build",
    generateBundle(_options, bundle) {
      const files = ["./", ...Object.keys(bundle).filter((name) => name !== "index.html")];
      const source = serviceWorker(files);
      this.emitFile({ type: "asset", fileName: "offline.js", source });
    },
  };
}

function serviceWorker(files: readonly string[]): string {
  const store = `cbapd-lab-${createHash("sha256").update(files.join()).digest("hex").slice(0, 16)}`;
  return `const STORE = ${JSON.stringify(store)};
const FILES = ${JSON.stringify(files)};
const known = new Set(FILES.map((name) => new URL(name, registration.scope).href));

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(STORE).then((store) => store.addAll(FILES)));
});
addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("cbapd-lab-") && name !== STORE);
  event.waitUntil(
    caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => clients.claim()),
  );
});
addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  url.hash = url.search = "";
  if (request.method !== "GET" || !known.has(url.href)) return;
  const kept = () => caches.open(STORE).then((store) => store.match(url.href));
  // The page itself may be a newer one; what it names by a hash may not.
  const page = url.href === registration.scope;
  event.respondWith(
    page
      ? fetch(request).catch(async (error) => (await kept()) ?? Promise.reject(error))
      : kept().then((response) => response ?? fetch(request)),
  );
});
`;
}
