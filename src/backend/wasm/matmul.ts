/** What the kernels of `assembly/matmul.ts` need beside their operands. Sizes as there. */
const K_BLOCK = 128;
const COLUMN_BLOCK = 1024;

export const TILE_ROWS = 5;
export const PANEL = 8;
const PANEL_GAP_BYTES = 64;

/** Bytes of `n` columns and `k` rows in packed panels. */
export function panelsBytes(k: number, n: number): number {
  return Math.ceil(n / PANEL) * (k * PANEL * 4 + PANEL_GAP_BYTES);
}

/** One group of five rows of A, and a block of B. */
export const MATMUL_SCRATCH_BYTES = K_BLOCK * TILE_ROWS * 4 + panelsBytes(K_BLOCK, COLUMN_BLOCK);
