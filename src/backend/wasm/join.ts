/** Records the joins of branches: each worker on its own images. */
import { sizeOf } from "../../shape.js";
import type { Backend } from "../backend.js";
import { byImages, out, own, type Recorder, type WasmTensor } from "./recorder.js";
import { channelSizes } from "./sums.js";

export function joinOps(
  recorder: Recorder,
): Pick<Backend<WasmTensor>, "add" | "concatenate" | "concatenateGradient"> {
  /** Copies `count` channels of every position from one tensor into another. */
  function copyChannels(y: WasmTensor, yFirst: number, x: WasmTensor, xFirst: number, count: number): void {
    const { images, positions, channels } = channelSizes(x);
    const yChannels = channelSizes(y).channels;
    recorder.record(
      "copyChannels",
      byImages(images),
      out(y),
      own(x),
      yFirst,
      yChannels,
      xFirst,
      channels,
      count,
      positions,
    );
  }

  return {
    add(a, b) {
      const y = recorder.tensor(a.shape);
      const [images = 1] = a.shape; // a scalar counts as one image
      recorder.record("addForward", byImages(images), out(y), own(a), own(b), sizeOf(a.shape) / images);
      return y;
    },

    concatenate(xs) {
      const total = xs.reduce((sum, x) => sum + channelSizes(x).channels, 0);
      const y = recorder.tensor([...xs[0].shape.slice(0, -1), total]);
      let first = 0;
      for (const x of xs) {
        const { channels } = channelSizes(x);
        copyChannels(y, first, x, 0, channels);
        first += channels;
      }
      return y;
    },

    concatenateGradient(dY, sizes) {
      let first = 0;
      return sizes.map((channels) => {
        const dX = recorder.tensor([...dY.shape.slice(0, -1), channels]);
        copyChannels(dX, 0, dY, first, channels);
        first += channels;
        return dX;
      });
    },
  };
}
