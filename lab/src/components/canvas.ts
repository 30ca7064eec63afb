/** A canvas that is sharp on any screen, and is drawn again when its drawing, its size or the theme changes. */
import { useSignalEffect } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { theme } from "../theme.js";

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** `draw` works in CSS pixels. It is called again when one of `inputs` changes. */
export function useCanvas(
  width: number,
  height: number,
  draw: Draw,
  inputs: readonly unknown[],
): RefObject<HTMLCanvasElement | null> {
  const canvas = useRef<HTMLCanvasElement>(null);
  // Of the last rendering: the theme's effect is that of the first.
  const latest = useRef({ draw, width, height });
  latest.current = { draw, width, height };
  const paint = () => {
    const { draw, width, height } = latest.current;
    if (!canvas.current) return;
    const ratio = devicePixelRatio;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.current.width !== w) canvas.current.width = w;
    if (canvas.current.height !== h) canvas.current.height = h;
    const context = canvas.current.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  // In the frame that shows what else has changed: an effect after it would cost another one.
  useLayoutEffect(paint, [width, height, ...inputs]);
  useSignalEffect(() => {
    void theme.value;
    queueMicrotask(paint);
  });
  return canvas;
}
