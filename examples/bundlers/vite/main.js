const output = document.querySelector("output");

/** All that takes time runs in a worker of the page's own; `fit` starts more, one for each core. */
const trainer = new Worker(new URL("./trainer.js", import.meta.url), { type: "module" });
trainer.onmessage = ({ data }) => {
  output.value = data;
};
