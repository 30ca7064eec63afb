/** Reading and writing files, in Node. In a page noFileSystem.ts stands in its place. */
export { writeFileAtomic } from "./atomicFile.js";
export { withFile } from "./fileSource.js";
