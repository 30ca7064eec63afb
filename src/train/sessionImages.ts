/** Brings the images into a session's shared memory: those that lie in a file straight from there. */
import type { DataRegions, Regions } from "./regions.js";

export class SessionImages {
  readonly #buffer: ArrayBufferLike;
  readonly #regions: Pick<Regions, "training" | "evaluation">;
  /** Undefined before anybody asked for them. */
  #trainingRead: Promise<void> | undefined;
  #evaluationRead: Promise<void> | undefined;

  /** Copies what is in memory. */
  constructor(buffer: ArrayBufferLike, regions: Pick<Regions, "training" | "evaluation">) {
    this.#buffer = buffer;
    this.#regions = regions;
    for (const region of [regions.training, regions.evaluation]) if (region) this.#copy(region);
  }

  /** @throws DataError when they are no longer what they were */
  training(): Promise<void> {
    this.#trainingRead ??= this.#read(this.#regions.training);
    return this.#trainingRead;
  }

  /** @throws DataError when they are no longer what they were */
  evaluation(): Promise<void> {
    this.#evaluationRead ??= this.#read(this.#regions.evaluation);
    return this.#evaluationRead;
  }

  /** Begins to read what evaluation will need, beside other work. @throws DataError when that has failed */
  async prepareEvaluation(): Promise<void> {
    await Promise.race([this.evaluation(), undefined]);
  }

  /**
   * Lets training begin before its images have been read: fetches the first of these examples alone.
   * @returns how many of them are there; the others need `training`
   */
  async firstOf(examples: Int32Array, most: number): Promise<number> {
    const { data, images: address } = this.#regions.training!;
    const { images, count } = data;
    if (ArrayBuffer.isView(images)) return examples.length;
    const size = images.byteLength / count;
    const target = new Uint8Array(this.#buffer, address, images.byteLength);
    const begins = Array.from(examples.subarray(0, most), (example) => example * size);
    if (images.readSomeInto(target, begins, size)) return begins.length;
    await this.training();
    return examples.length;
  }

  /** When nothing is written to the memory any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#trainingRead, this.#evaluationRead]);
  }

  #copy({ data: { images }, images: address }: DataRegions): void {
    if (!ArrayBuffer.isView(images)) return;
    const bytes = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
    new Uint8Array(this.#buffer, address, bytes.length).set(bytes);
  }

  async #read(region: DataRegions | undefined): Promise<void> {
    if (!region || ArrayBuffer.isView(region.data.images)) return;
    const { images } = region.data;
    await images.readInto(new Uint8Array(this.#buffer, region.images, images.byteLength));
  }
}
