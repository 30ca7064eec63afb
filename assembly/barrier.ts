/**
 * Where workers meet. Offsets of the words from the barrier's address; each has a cache line of its own, so that
 * arriving workers do not disturb those that spin.
 */
const ARRIVED: usize = 0;
const GENERATION: usize = 64;
const SLEEPERS: usize = 128;
const ABORT: usize = 192;

export const BARRIER_MET: i32 = 0;
export const BARRIER_ABORTED: i32 = 1;
export const BARRIER_TIMED_OUT: i32 = 2;

/** How long a sleeper waits before it looks at the abort word again: a dead worker is noticed within this. */
const SLICE_NS: i64 = 50_000_000;

/**
 * Returns when all `workers` have called it: first polls `spins` times (a meeting takes half a microsecond when all come
 * together), then sleeps in slices of 50 ms, at most `slices` of them. The last to arrive wakes the others only if
 * somebody sleeps: a wake-up costs more than the whole meeting.
 * Returns BARRIER_MET, BARRIER_ABORTED when the abort word is set, or BARRIER_TIMED_OUT.
 */
export function barrier(address: usize, workers: i32, spins: i32, slices: i32): i32 {
  const generation = atomic.load<i32>(address, GENERATION);
  if (atomic.add<i32>(address, 1, ARRIVED) == workers - 1) {
    atomic.store<i32>(address, 0, ARRIVED);
    atomic.add<i32>(address, 1, GENERATION);
    if (atomic.load<i32>(address, SLEEPERS) > 0) atomic.notify(address + GENERATION, workers);
    return BARRIER_MET;
  }
  for (; spins > 0; spins--) {
    if (atomic.load<i32>(address, GENERATION) != generation) return BARRIER_MET;
  }
  // A sleeper announces itself before it looks again: either it sees the new generation or the last one sees it.
  atomic.add<i32>(address, 1, SLEEPERS);
  let result = BARRIER_MET;
  while (atomic.load<i32>(address, GENERATION) == generation) {
    if (atomic.load<i32>(address, ABORT) != 0) {
      result = BARRIER_ABORTED;
      break;
    }
    if (slices <= 0) {
      result = BARRIER_TIMED_OUT;
      break;
    }
    slices--;
    atomic.wait<i32>(address + GENERATION, generation, SLICE_NS);
  }
  atomic.sub<i32>(address, 1, SLEEPERS);
  return result;
}
