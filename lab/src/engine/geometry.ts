/** Where windows lie, as the library has it: small enough to be asked on the page's own thread. */
export { placeOf, tapsOf, windowsOver } from "cbapd/internal/explain/cells.js";
