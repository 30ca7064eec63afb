import type { OracleBackend, Tfjs } from "./load.js";

/** Started backends change at once: setBackend has nothing to wait for. */
export function useBackend(tf: Tfjs, backend: OracleBackend): void {
  void tf.setBackend(backend);
}
