/** Files that are large and must be what they should be, byte for byte. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** Of one read, while the piece before is hashed. */
const PIECE_BYTES = 4 << 20;

/**
 * A file of `size` bytes, and its SHA-256: each piece is hashed while the next is read.
 * @throws Error when the file is shorter
 */
export async function readHashed(path: string, size: number): Promise<{ bytes: Uint8Array; sum: string }> {
  const file = await open(path, "r");
  try {
    const bytes = new Uint8Array(size);
    const readPiece = async (begin: number): Promise<Uint8Array> => {
      const piece = bytes.subarray(begin, begin + PIECE_BYTES);
      for (let done = 0; done < piece.length; ) {
        const { bytesRead } = await file.read(piece, done, piece.length - done, begin + done);
        if (bytesRead === 0) throw new Error(`it ends at byte ${begin + done} of ${size}`);
        done += bytesRead;
      }
      return piece;
    };
    const hash = createHash("sha256");
    let next = readPiece(0);
    for (let begin = PIECE_BYTES; begin < size; begin += PIECE_BYTES) {
      const piece = await next;
      next = readPiece(begin);
      hash.update(piece);
    }
    hash.update(await next);
    return { bytes, sum: hash.digest("hex") };
  } finally {
    await file.close();
  }
}
