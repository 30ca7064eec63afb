/** Copies channels between a wide tensor, which holds several side by side, and a narrow one. */

/** wide[·, offset … offset + narrow) = narrow[·, ·], for `positions` positions an image. */
export function concatenatePart(
  wide: usize,
  narrow: usize,
  positions: i32,
  wideChannels: i32,
  narrowChannels: i32,
  offset: i32,
  begin: i32,
  end: i32,
): void {
  const wideStep = (<usize>wideChannels) << 2;
  const bytes = (<usize>narrowChannels) << 2;
  let to = wide + <usize>(begin * positions) * wideStep + ((<usize>offset) << 2);
  let from = narrow + <usize>(begin * positions) * bytes;
  for (let rows = (end - begin) * positions; rows > 0; rows--) {
    copy(to, from, bytes);
    to += wideStep;
    from += bytes;
  }
}

/** narrow[·, ·] = wide[·, offset … offset + narrow): concatenatePart the other way round. */
export function separatePart(
  narrow: usize,
  wide: usize,
  positions: i32,
  wideChannels: i32,
  narrowChannels: i32,
  offset: i32,
  begin: i32,
  end: i32,
): void {
  const wideStep = (<usize>wideChannels) << 2;
  const bytes = (<usize>narrowChannels) << 2;
  let from = wide + <usize>(begin * positions) * wideStep + ((<usize>offset) << 2);
  let to = narrow + <usize>(begin * positions) * bytes;
  for (let rows = (end - begin) * positions; rows > 0; rows--) {
    copy(to, from, bytes);
    from += wideStep;
    to += bytes;
  }
}

function copy(to: usize, from: usize, bytes: usize): void {
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(to + at, v128.load(from + at));
  for (; at < bytes; at += 4) store<f32>(to + at, load<f32>(from + at));
}
