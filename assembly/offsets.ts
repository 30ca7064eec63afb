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

/** Turns the offsets in [from, end) into steps: from each place to the next, and 0 for the last. */
export function toSteps(from: usize, end: usize): void {
  for (; from + 4 < end; from += 4) store<u32>(from, load<u32>(from, 4) - load<u32>(from));
  store<u32>(from, 0);
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
  const rows = min(height, paddedHeight - padTop);
  const bytes = <usize>min(width, paddedWidth - padLeft) * pixel;
  const image = <usize>paddedHeight * paddedLine;
  memory.fill(padded + <usize>begin * image, 0, <usize>(end - begin) * image);
  for (let n = begin; n < end; n++) {
    let from = x + <usize>(n * height) * line;
    let to = padded + <usize>n * image + <usize>padTop * paddedLine + <usize>padLeft * pixel;
    for (let i = 0; i < rows; i++) {
      memory.copy(to, from, bytes);
      from += line;
      to += paddedLine;
    }
  }
}
