import { defineConfig } from "vite";

/** With these the page may share memory between threads, and trains on all cores. Your own server must send them too. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  base: "./",
  worker: { format: "es" },
  // The development server would move cbapd's code away from its worker and its core.
  optimizeDeps: { exclude: ["cbapd"] },
  server: { headers },
  preview: { headers },
});
