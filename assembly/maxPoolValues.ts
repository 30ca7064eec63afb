/**
 * Max pooling for its values alone, where nobody reads which elements they were: inference. The same bits as maxPoolForward's.
 * Worth a kernel where 3×3 windows overlap: neighbours share their columns' maxima (src/backend/wasm/dead.ts).
 */
import { columnBest, holdsNaNOrMinusZero, RUN, replaces } from "./maxPoolRuns";

/** y = the largest element of each window, as maxPoolForward. x [N, H, W, C]; y [N, Ho, Wo, C], overwritten; no aliasing. C ≥ 4. */
export function maxPoolValues(
  y: usize,
  x: usize,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  padTop: i32,
  padLeft: i32,
  H: i32,
  W: i32,
  C: i32,
  Ho: i32,
  Wo: i32,
  begin: i32,
  end: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  const rowBytes = <usize>W * pixelBytes;
  const slides = kh == 3 && kw == 3 && sw == 1 && padLeft <= 1;
  let at = y + <usize>begin * <usize>Ho * <usize>Wo * pixelBytes;
  for (let n = begin; n < end; ++n) {
    const image = x + <usize>n * <usize>H * rowBytes;
    const shared = slides && !holdsNaNOrMinusZero(image, <usize>H * rowBytes);
    for (let i = 0; i < Ho; ++i) {
      const top = i * sh - padTop;
      const row = image + <usize>max(top, 0) * rowBytes;
      if (shared) {
        const below = image + <usize>min(max(top + 1, 0), H - 1) * rowBytes - row;
        const last = image + <usize>min(top + 2, H - 1) * rowBytes - row;
        for (let j = 0; j < Wo; j += RUN) {
          const column = max(j - padLeft, 0);
          const pad = j == 0 ? padLeft : 0;
          const count = min(Wo - j, RUN);
          const from = row + <usize>column * pixelBytes;
          for (let c: usize = 0; c < pixelBytes; c += 16) {
            c = min(c, pixelBytes - 16); // the last 1 to 3 channels are done as the last four
            poolValuesRun(at + c, from + c, below, last, pixelBytes, pad, W - column, count);
          }
          at += <usize>count * pixelBytes;
        }
        continue;
      }
      const rows = min(top + kh, H) - max(top, 0);
      for (let j = 0; j < Wo; ++j) {
        const left = max(j * sw - padLeft, 0);
        const columns = min(j * sw - padLeft + kw, W) - left;
        const from = row + <usize>left * pixelBytes;
        for (let c: usize = 0; c < pixelBytes; c += 16) {
          c = min(c, pixelBytes - 16);
          windowValues(at + c, from + c, rows, columns, pixelBytes, rowBytes);
        }
        at += pixelBytes;
      }
    }
  }
}

/** Windows of 3×3 side by side, 4 channels, their values alone: see poolRun. */
export function poolValuesRun(
  y: usize,
  row: usize,
  below: usize,
  last: usize,
  pixelBytes: usize,
  padLeft: i32,
  W: i32,
  Wo: i32,
): void {
  let best0 = inline.always(columnBest(row, below, last));
  let best1 = best0;
  let left = W - 1; // columns not seen yet
  if (padLeft == 0 && left > 0) {
    row += pixelBytes;
    best1 = inline.always(columnBest(row, below, last));
    left--;
  }
  let count = min(Wo, left);
  Wo -= count;
  for (; count > 0; --count) {
    row += pixelBytes;
    const best2 = inline.always(columnBest(row, below, last));
    v128.store(y, f32x4.pmax(f32x4.pmax(best0, best1), best2));
    best0 = best1;
    best1 = best2;
    y += pixelBytes;
  }
  for (; Wo > 0; --Wo) {
    v128.store(y, f32x4.pmax(best0, best1));
    best0 = best1;
    y += pixelBytes;
  }
}

/** One window, 4 channels, NaNs and signs of zeros as in pool4. */
function windowValues(
  y: usize,
  from: usize,
  rows: i32,
  columns: i32,
  pixelBytes: usize,
  rowBytes: usize,
): void {
  let best = v128.load(from);
  for (; rows > 0; --rows) {
    let at = from;
    for (let left = columns; left > 0; --left) {
      const v = v128.load(at);
      best = v128.bitselect(v, best, inline.always(replaces(true, v, best)));
      at += pixelBytes;
    }
    from += rowBytes;
  }
  v128.store(y, best);
}
