const INTRODUCTION = `# Mutation testing

Do the tests notice when the code is wrong? \`npm run test:mutation\` breaks the kernels (\`assembly/\`), the layers (\`src/layers/\`) and the padding rule
(\`src/shape.ts\`) in one small way at a time, rebuilds, runs the tests, and counts the breaks that they notice. The ways are generated from the
syntax tree, not chosen: a lost tail loop, a bound off by one, swapped arguments, a lost term of a sum, add for overwrite, ceil for floor, max for
min, a negated condition, a lost statement, another constant. There are some 15,000; a seeded sample is spread over all files and operators.
Left out is what cannot change a result: a vector loop that ends one vector early where a tail follows, swapped terms of a sum. A break that does not
compile does not count. One that never ends is caught. A break that the quick tests miss is tried on all others but those of files, folders, pages and the
command line, which would take long and see no more of the kernels: what only they would notice counts as one that survived.

\`\`\`sh
npm run test:mutation -- --count 100 --seed 0 --report docs/mutation.md   # an hour on two cores; goes on where it was stopped
npm run test:mutation -- --only assembly/sums.ts
npm run test:mutation -- --list
\`\`\`
`;

/** The page docs/mutation.md. */
export function renderPage(report, { count, seed }) {
  return `${INTRODUCTION}\n## The last run: ${count} breaks, seed ${seed}\n\n${report}`;
}

/** The outcome as Markdown: shares by operator and by file, and every survivor with its reason. */

/** @returns {{ text: string, share: number }} share: caught, of all that compiled and are no proven equivalents */
export function renderReport(results, explanations) {
  const compiled = results.filter(({ verdict }) => verdict !== "did not compile");
  const caught = compiled.filter(({ verdict }) => verdict === "caught");
  const survivors = compiled
    .filter(({ verdict }) => verdict === "survived")
    .map((survivor) => ({ ...survivor, reason: reasonOf(survivor, explanations) }));
  const equivalent = survivors.filter(({ reason }) => reason !== undefined);
  const share = caught.length / Math.max(compiled.length - equivalent.length, 1);
  const percent = (part, whole) => `${((100 * part) / Math.max(whole, 1)).toFixed(1)} %`;
  const lines = [
    `${results.length} mutants: ${caught.length} caught, ${survivors.length} survived, ${results.length - compiled.length} did not compile.`,
    "",
    `Caught of all that compile: ${percent(caught.length, compiled.length)}. ` +
      `Without those that change no result (explained below): ${percent(caught.length, compiled.length - equivalent.length)}.`,
    "",
    ...table("operator", compiled),
    "",
    ...table("file", compiled),
  ];
  if (survivors.length > 0) {
    lines.push("", "| survivor | change | reason |", "| --- | --- | --- |");
    for (const { file, line, change, reason } of survivors) {
      lines.push(
        `| ${file}:${line} | \`${change.replaceAll("|", "\\|")}\` | ${reason ?? "**not explained**"} |`,
      );
    }
  }
  return { text: `${lines.join("\n")}\n`, share };
}

function table(key, compiled) {
  const groups = new Map();
  for (const result of compiled) {
    const group = groups.get(result[key]) ?? { caught: 0, survived: 0 };
    groups.set(result[key], group);
    group[result.verdict]++;
  }
  const rows = [...groups].sort(([a], [b]) => a.localeCompare(b));
  return [
    `| ${key} | caught | survived |`,
    "| --- | --- | --- |",
    ...rows.map(([name, { caught, survived }]) => `| ${name} | ${caught} | ${survived} |`),
  ];
}

/** survivors.json: [{ file, context, change, reason }]. */
function reasonOf({ file, context, change }, explanations) {
  const found = explanations.find(
    (entry) => entry.file === file && entry.context === context && entry.change === change,
  );
  return found?.reason;
}
