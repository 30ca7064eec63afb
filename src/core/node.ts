/** The compiled core, in Node: a file of this package. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { FileError } from "../errors.js";

/** @throws FileError */
export async function compileCore(): Promise<WebAssembly.Module> {
  const path = createRequire(import.meta.url).resolve("#core");
  try {
    return await WebAssembly.compile(await readFile(path));
  } catch (cause) {
    throw new FileError(
      `the core ${path} cannot be loaded: ${(cause as Error).message}. Run "npm run build".`,
      {
        cause,
      },
    );
  }
}
