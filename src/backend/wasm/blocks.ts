/** Sizes that kernels and recordings share: see assembly/matmul.ts, which has the same. */

/** Columns of a packed panel, and of a register tile. */
export const PANEL = 8;
/** Rows of a register tile. */
export const TILE_ROWS = 5;
/** One register tile, where a product spills columns beyond its last. */
export const EDGE_BYTES = TILE_ROWS * PANEL * 4;
/** Depth of a packed piece of A or B. */
export const DEPTH = 256;
/** Five columns of A. */
export const PACKED_BYTES = TILE_ROWS * DEPTH * 4;
/** Columns of B that are packed at a time. */
const WIDTH = 256;
/** Between panels. */
const GAP_BYTES = 64;

/** Scratch of the products that pack B on the way. */
export const PRODUCT_SCRATCH_BYTES =
  EDGE_BYTES + PACKED_BYTES + (WIDTH / PANEL) * (DEPTH * PANEL * 4 + GAP_BYTES);
