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
