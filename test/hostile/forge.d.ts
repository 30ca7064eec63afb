export interface TarFields {
  readonly name?: string;
  readonly body?: Buffer;
  readonly size?: number;
  readonly sizeText?: string;
  readonly type?: string;
  readonly linkname?: string;
  readonly prefix?: string;
  readonly checksum?: number;
}
export type ZipFields = Readonly<Record<string, number>>;
export interface ZipEntry {
  readonly name: string;
  readonly body: Buffer;
  readonly packed?: Buffer;
  readonly method?: number;
  readonly flags?: number;
  readonly extra?: Buffer;
  readonly central?: ZipFields;
  readonly local?: Readonly<Record<string, number | string>>;
}
export function safetensors(header: string | Buffer, data?: Buffer, headerBytes?: number): Buffer;
export type Shapes = Readonly<
  Record<string, readonly number[] | Readonly<Record<string, readonly number[]>>>
>;
export function tensorFile(
  shapes: Shapes,
  metadata?: Readonly<Record<string, string>>,
  dtype?: string,
): Buffer;
export function npy(
  header: string,
  data?: Buffer,
  options?: { major?: number; minor?: number; magic?: string; length?: number },
): Buffer;
export function npyHeader(descr: string, shape: string, order?: string): string;
export function zip(entries: readonly ZipEntry[], end?: ZipFields): Buffer;
export function tarEntry(fields: TarFields): Buffer;
export const tarEnd: Buffer;
export function tar(...entries: readonly TarFields[]): Buffer;
export function pax(key: string, value: string): string;
export function pngChunk(type: string, body?: Buffer, crc?: number): Buffer;
export const PNG_SIGNATURE: Buffer;
export function pngHeader(
  width: number,
  height: number,
  options?: { depth?: number; colour?: number; compression?: number; filter?: number; interlace?: number },
): Buffer;
export function pngPixels(
  width: number,
  height: number,
  channels?: number,
  filters?: readonly number[],
): Buffer;
export function png(...chunks: readonly Buffer[]): Buffer;
export function goodPng(width: number, height: number): Buffer;
export function idx(shape: readonly number[], values: Buffer, magic?: number): Buffer;
