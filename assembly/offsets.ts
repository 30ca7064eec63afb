/**
 * Tables of byte offsets (unsigned, 4 bytes each): where the taps of a window lie, or the corners of all windows. Kernels
 * that walk such a table in their one loop read a picture where it lies, and need no im2col.
 */

/** to[(i·n1 + j)·n2 + k] = i·step0 + j·step1 + k·step2. Returns the address behind the table. */
export function writeOffsets(
  to: usize,
  n0: i32,
  step0: usize,
  n1: i32,
  step1: usize,
  n2: i32,
  step2: usize,
): usize {
  for (let i: usize = 0; i < <usize>n0; i++) {
    for (let j: usize = 0; j < <usize>n1; j++) {
      let offset = i * step0 + j * step1;
      for (let left = n2; left > 0; left--) {
        store<u32>(to, <u32>offset);
        offset += step2;
        to += 4;
      }
    }
  }
  return to;
}

/**
 * Images [begin, end) with zeros around them: x [N, H, W, C] into padded [N, Hp, Wp, C]. What lies beyond the padded
 * picture, because no window reaches it, is left out.
 */
export function padImages(
  padded: usize,
  x: usize,
  height: i32,
  width: i32,
  channels: i32,
  paddedHeight: i32,
  paddedWidth: i32,
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const line = <usize>width * pixel;
  const paddedLine = <usize>paddedWidth * pixel;
  const bottom = min(height, paddedHeight - padTop);
  const before = <usize>padLeft * pixel;
  const bytes = <usize>min(width, paddedWidth - padLeft) * pixel;
  const after = paddedLine - before - bytes;
  let to = padded + <usize>(begin * paddedHeight) * paddedLine;
  for (let n = begin; n < end; n++) {
    let from = x + <usize>(n * height) * line;
    memory.fill(to, 0, <usize>padTop * paddedLine);
    to += <usize>padTop * paddedLine;
    for (let i = 0; i < bottom; i++) {
      memory.fill(to, 0, before);
      memory.copy(to + before, from, bytes);
      memory.fill(to + before + bytes, 0, after);
      from += line;
      to += paddedLine;
    }
    const below = <usize>(paddedHeight - padTop - bottom) * paddedLine;
    memory.fill(to, 0, below);
    to += below;
  }
}
