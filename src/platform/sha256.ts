/**
 * SHA-256 where there is no node:crypto. The browser's own is asynchronous, and only there in secure contexts.
 * Source: FIPS 180-4, sections 4.1.2, 5.1.1, 5.3.3 and 6.2.
 */

const BLOCK_BYTES = 64;

/** The first `count` primes. */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    if (found.every((prime) => n % prime !== 0)) found.push(n);
  }
  return found;
}

/** The first 32 bits of the fraction of the integer root of `n`: ⌊n^(1/degree)·2³²⌋ mod 2³², in whole numbers. */
function rootBits(n: number, degree: 2 | 3): number {
  const scaled = BigInt(n) << BigInt(32 * degree);
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) {
    const next = root | bit;
    if (next ** BigInt(degree) <= scaled) root = next;
  }
  return Number(BigInt.asIntN(32, root));
}

const K = Int32Array.from(primes(64), (prime) => rootBits(prime, 3));
const START = Int32Array.from(primes(8), (prime) => rootBits(prime, 2));

/** In hexadecimal, over all pieces. */
export function sha256(pieces: Iterable<Uint8Array>): string {
  const state = START.slice();
  const words = new Int32Array(64);
  const block = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(block.buffer);
  let bytes = 0;
  let filled = 0;
  for (const piece of pieces) {
    bytes += piece.length;
    let at = 0;
    if (filled > 0) {
      at = Math.min(BLOCK_BYTES - filled, piece.length);
      block.set(piece.subarray(0, at), filled);
      filled += at;
      if (filled < BLOCK_BYTES) continue;
      compress(state, words, view, 0);
    }
    const given = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
    for (; at + BLOCK_BYTES <= piece.length; at += BLOCK_BYTES) compress(state, words, given, at);
    block.set(piece.subarray(at));
    filled = piece.length - at;
  }
  block[filled++] = 0x80;
  block.fill(0, filled);
  if (filled > BLOCK_BYTES - 8) {
    compress(state, words, view, 0);
    block.fill(0);
  }
  view.setBigUint64(BLOCK_BYTES - 8, BigInt(bytes) * 8n);
  compress(state, words, view, 0);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Takes in the 64 bytes at `at`. `words` is room for the message schedule. */
function compress(state: Int32Array, words: Int32Array, bytes: DataView, at: number): void {
  for (let t = 0; t < 16; t++) words[t] = bytes.getInt32(at + 4 * t);
  for (let t = 16; t < 64; t++) {
    const x = words[t - 15];
    const y = words[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[t] = (words[t - 16] + s0 + words[t - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t] + words[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}
