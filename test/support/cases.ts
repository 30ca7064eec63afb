/** How many random cases a property gets: a hundred in `npm test`, two thousand in `npm run test:deep`. */
export const CASES = Number(process.env.CBAPD_CASES ?? 100);
export const DEEP = CASES > 100;
/** fast-check's. */
export const SEED = Number(process.env.CBAPD_SEED ?? 0);
