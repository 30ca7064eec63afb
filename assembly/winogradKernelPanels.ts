/**
 * The taps of a piece of a kernel as buffers [taps, rows, 8] side by side, ready to be transformed. Panels of filters are cut
 * together, so that a cache line, which holds two of them, is asked for once: the rows of a kernel lie pages apart.
 */
import { packPanels, packTransposedPanels } from "./pack";

/** Panels of a kernel that are cut and transformed together, where the caller has no number of its own: two cache lines. */
export const PANELS: i32 = 4;

/** Rows [first, first + rows) of `panels` panels of 8 filters from `panel` on: kernel [taps, C, F] → to [panels, taps, rows, 8]. */
export function kernelPanels(
  to: usize,
  kernel: usize,
  taps: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  panels: i32,
  first: i32,
  rows: i32,
): void {
  const rowBytes = (<usize>filters) << 2;
  const bytes = (<usize>rows) << 5;
  let from = kernel + <usize>first * rowBytes + ((<usize>panel) << 5);
  for (let tap: usize = 0; tap < taps; tap++) {
    packPanels(to + tap * bytes, taps * bytes, from, rowBytes, rows, panels << 3, 0, panels);
    from += <usize>channels * rowBytes;
  }
}

/**
 * One panel with channels and filters exchanged, as dY is taken back to dX, and with `flipped` the last tap first. Filters
 * [first, first + rows) of a panel of 8 channels: kernel [taps, C, F] → to [taps, rows, 8]. Its lines lie whole in a row.
 */
export function kernelPanelTransposed(
  to: usize,
  kernel: usize,
  taps: usize,
  channels: i32,
  filters: i32,
  panel: i32,
  first: i32,
  rows: i32,
  flipped: bool,
): void {
  const rowBytes = (<usize>filters) << 2;
  const tapBytes = <usize>channels * rowBytes;
  const bytes = (<usize>rows) << 5;
  const from = kernel + <usize>(8 * panel) * rowBytes + ((<usize>first) << 2);
  for (let tap: usize = 0; tap < taps; tap++) {
    const at = from + (flipped ? taps - 1 - tap : tap) * tapBytes;
    packTransposedPanels(to + tap * bytes, 0, at, rowBytes, rows, 8, 0, 1);
  }
}
