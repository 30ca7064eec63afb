/** Average pooling, NHWC, over windows and over whole images. Images [begin, end). */

/**
 * y = Σ_window x / count, count being the number of the window's elements inside the input, added in row-major order.
 * x [N, H, W, C]; y [N, Ho, Wo, C], overwritten; no aliasing. Every window must meet the input.
 */
export function averagePoolForward(
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
  let to = y + <usize>begin * <usize>Ho * <usize>Wo * pixelBytes;
  for (let n = begin; n < end; ++n) {
    const image = x + <usize>n * <usize>H * rowBytes;
    for (let i = 0; i < Ho; ++i) {
      const top = max(i * sh - padTop, 0);
      const rows = min(i * sh - padTop + kh, H) - top;
      for (let j = 0; j < Wo; ++j) {
        const left = max(j * sw - padLeft, 0);
        const columns = min(j * sw - padLeft + kw, W) - left;
        const corner = image + <usize>top * rowBytes + <usize>left * pixelBytes;
        const count = <f32>(rows * columns);
        let c: usize = 0; // in bytes
        for (; c + 16 <= pixelBytes; c += 16) {
          let sum = f32x4.splat(0);
          for (let a = 0; a < rows; ++a) {
            let from = corner + <usize>a * rowBytes + c;
            for (let b = 0; b < columns; ++b) {
              sum = f32x4.add(sum, v128.load(from));
              from += pixelBytes;
            }
          }
          v128.store(to + c, f32x4.div(sum, f32x4.splat(count)));
        }
        for (; c < pixelBytes; c += 4) {
          let sum: f32 = 0;
          for (let a = 0; a < rows; ++a) {
            let from = corner + <usize>a * rowBytes + c;
            for (let b = 0; b < columns; ++b) {
              sum += load<f32>(from);
              from += pixelBytes;
            }
          }
          store<f32>(to + c, sum / count);
        }
        to += pixelBytes;
      }
    }
  }
}

/**
 * dX = 0, then dX += dY/count over each window, output by output in row-major order: where windows overlap, it adds.
 * dX [N, H, W, C], overwritten; dY [N, Ho, Wo, C]; no aliasing.
 */
export function averagePoolBackward(
  dX: usize,
  dY: usize,
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
  let from = dY + <usize>begin * <usize>Ho * <usize>Wo * pixelBytes;
  for (let n = begin; n < end; ++n) {
    const image = dX + <usize>n * <usize>H * rowBytes;
    memory.fill(image, 0, <usize>H * rowBytes);
    for (let i = 0; i < Ho; ++i) {
      const top = max(i * sh - padTop, 0);
      const rows = min(i * sh - padTop + kh, H) - top;
      for (let j = 0; j < Wo; ++j) {
        const left = max(j * sw - padLeft, 0);
        const columns = min(j * sw - padLeft + kw, W) - left;
        const corner = image + <usize>top * rowBytes + <usize>left * pixelBytes;
        const count = <f32>(rows * columns);
        let c: usize = 0; // in bytes
        for (; c + 16 <= pixelBytes; c += 16) {
          const share = f32x4.div(v128.load(from + c), f32x4.splat(count));
          for (let a = 0; a < rows; ++a) {
            let to = corner + <usize>a * rowBytes + c;
            for (let b = 0; b < columns; ++b) {
              v128.store(to, f32x4.add(v128.load(to), share));
              to += pixelBytes;
            }
          }
        }
        for (; c < pixelBytes; c += 4) {
          const share = load<f32>(from + c) / count;
          for (let a = 0; a < rows; ++a) {
            let to = corner + <usize>a * rowBytes + c;
            for (let b = 0; b < columns; ++b) {
              store<f32>(to, load<f32>(to) + share);
              to += pixelBytes;
            }
          }
        }
        from += pixelBytes;
      }
    }
  }
}

/**
 * y = Σ x / area, added in row-major order. x [N, area, C]; y [N, C], overwritten; no aliasing. area = H·W.
 * 16 channels at a time are one cache line of x, read once, and four independent sums.
 */
export function globalAveragePoolForward(y: usize, x: usize, area: i32, C: i32, begin: i32, end: i32): void {
  const pixelBytes = (<usize>C) << 2;
  const imageBytes = <usize>area * pixelBytes;
  const count = f32x4.splat(<f32>area);
  for (let n = begin; n < end; ++n) {
    const image = x + <usize>n * imageBytes;
    const to = y + <usize>n * pixelBytes;
    let c: usize = 0; // in bytes
    for (; c + 64 <= pixelBytes; c += 64) {
      let sum0 = f32x4.splat(0);
      let sum1 = sum0;
      let sum2 = sum0;
      let sum3 = sum0;
      let from = image + c;
      for (let k = area; k > 0; --k) {
        sum0 = f32x4.add(sum0, v128.load(from));
        sum1 = f32x4.add(sum1, v128.load(from, 16));
        sum2 = f32x4.add(sum2, v128.load(from, 32));
        sum3 = f32x4.add(sum3, v128.load(from, 48));
        from += pixelBytes;
      }
      v128.store(to + c, f32x4.div(sum0, count));
      v128.store(to + c, f32x4.div(sum1, count), 16);
      v128.store(to + c, f32x4.div(sum2, count), 32);
      v128.store(to + c, f32x4.div(sum3, count), 48);
    }
    for (; c + 16 <= pixelBytes; c += 16) {
      let sum = f32x4.splat(0);
      let from = image + c;
      for (let k = area; k > 0; --k) {
        sum = f32x4.add(sum, v128.load(from));
        from += pixelBytes;
      }
      v128.store(to + c, f32x4.div(sum, count));
    }
    for (; c < pixelBytes; c += 4) {
      let sum: f32 = 0;
      let from = image + c;
      for (let k = area; k > 0; --k) {
        sum += load<f32>(from);
        from += pixelBytes;
      }
      store<f32>(to + c, sum / <f32>area);
    }
  }
}

/** dX = dY/area for every element of the channel. dX [N, area, C], overwritten; dY [N, C]; no aliasing. area = H·W. */
export function globalAveragePoolBackward(
  dX: usize,
  dY: usize,
  area: i32,
  C: i32,
  begin: i32,
  end: i32,
): void {
  const pixelBytes = (<usize>C) << 2;
  let to = dX + <usize>begin * <usize>area * pixelBytes;
  for (let n = begin; n < end; ++n) {
    const from = dY + <usize>n * pixelBytes;
    const image = to;
    let c: usize = 0; // in bytes
    for (; c + 16 <= pixelBytes; c += 16) {
      v128.store(to + c, f32x4.div(v128.load(from + c), f32x4.splat(<f32>area)));
    }
    for (; c < pixelBytes; c += 4) store<f32>(to + c, load<f32>(from + c) / <f32>area);
    to += pixelBytes;
    // The other pixels are copies of the first.
    for (let k = area - 1; k > 0; --k) {
      memory.copy(to, image, pixelBytes);
      to += pixelBytes;
    }
  }
}
