/**
 * y[p, yFirst + c] = x[p, xFirst + c] for c in [0, count), over all positions of images [begin, end): a band of channels.
 * x [N, P, xChannels], y [N, P, yChannels]; the rest of y is left as it is. Forward it puts one input into the
 * concatenation, backward it takes one input's gradient out of it.
 */
export function copyChannels(
  y: usize,
  x: usize,
  yFirst: i32,
  yChannels: i32,
  xFirst: i32,
  xChannels: i32,
  count: i32,
  positions: i32,
  begin: i32,
  end: i32,
): void {
  const yWidth = (<usize>yChannels) << 2;
  const xWidth = (<usize>xChannels) << 2;
  const bytes = (<usize>count) << 2;
  const first = <usize>begin * <usize>positions;
  let to = y + first * yWidth + ((<usize>yFirst) << 2);
  let from = x + first * xWidth + ((<usize>xFirst) << 2);
  for (let p = (end - begin) * positions; p > 0; --p) {
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(to + at, v128.load(from + at));
    for (; at < bytes; at += 4) store<u32>(to + at, load<u32>(from + at));
    to += yWidth;
    from += xWidth;
  }
}
