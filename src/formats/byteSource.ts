/** Where a reader's bytes come from: a file, of which only what is asked for is read (fileSource.ts), or bytes in memory. */
export interface ByteSource {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes, which own their buffer. The range must lie within `size`. @throws FileError */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes that are there already. Each read copies. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read: async (position, length) => Uint8Array.from(bytes.subarray(position, position + length)),
  };
}
