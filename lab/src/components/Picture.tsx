/** An image of a dataset, pixel by pixel. */
import { useCanvas } from "./canvas.js";

export interface PictureProps {
  readonly label: string;
  /** NHWC without the N: [rows, columns, channels], 1 or 3 channels, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly rows: number;
  readonly columns: number;
  /** CSS pixels. */
  readonly width: number;
}

export function Picture({ label, pixels, rows, columns, width }: PictureProps) {
  const height = (width * rows) / columns;
  const canvas = useCanvas(
    width,
    height,
    (context) => {
      const image = rgba(pixels, rows * columns);
      const bitmap = new OffscreenCanvas(columns, rows);
      bitmap.getContext("2d")!.putImageData(new ImageData(image, columns, rows), 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmap, 0, 0, width, height);
    },
    [pixels],
  );
  return (
    <canvas
      ref={canvas}
      class="picture"
      role="img"
      aria-label={label}
      style={{ width: `${width}px`, height: `${height}px` }}
    />
  );
}

/** Adds opacity; grey becomes three equal colours. */
export function rgba(pixels: Uint8Array, count: number): Uint8ClampedArray<ArrayBuffer> {
  const channels = pixels.length / count;
  const image = new Uint8ClampedArray(count * 4);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) image[i * 4 + c] = pixels[i * channels + (channels === 3 ? c : 0)];
    image[i * 4 + 3] = 255;
  }
  return image;
}
