/** Showing what changes all the time, as often as the machine has time for: the processor's cores are the workers'. */

/** Of one core's time, what showing may take. */
const SHARE = 1 / 25;

/**
 * @returns asks for `show` in one of the next frames: less often than each where a frame is dear, as it is where no graphics processor stands
 *   behind the screen
 */
export function paced(show: () => void): () => void {
  let asked = false;
  let next = 0;
  const frame = () => {
    const began = performance.now();
    asked = false;
    show();
    // A timer set in the next frame comes after this one is laid out and painted.
    requestAnimationFrame(() =>
      setTimeout(() => {
        const now = performance.now();
        next = now + (now - began) / SHARE;
      }),
    );
  };
  return () => {
    if (asked) return;
    asked = true;
    setTimeout(() => requestAnimationFrame(frame), next - performance.now());
  };
}
