/** Before the worker loads the core: its kernels break at some call. */
const cause = location.search.slice(1);
if (cause === "damaged") throw new Error("thrown by the test while loading");

/** Some steps in: loading and the first ones are done. */
const CALLS = 100;
let calls = 0;

function strike() {
  if (++calls < CALLS) return;
  if (cause === "throws") throw new Error("thrown by the test");
  for (;;);
}

const Real = WebAssembly.Instance;
WebAssembly.Instance = class {
  constructor(module, imports) {
    const { exports } = new Real(module, imports);
    this.exports = Object.fromEntries(
      Object.entries(exports).map(([name, kernel]) => [
        name,
        (...args) => {
          if (name !== "barrier") strike();
          return kernel(...args);
        },
      ]),
    );
  }
};
