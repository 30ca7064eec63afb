/** docs/errors.md is the table of codes, and no code is there that nothing throws. Write it anew: npx vitest run test/errors.docs.test.ts -u */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { ERROR_CODES } from "../src/errorCodes.js";

const SOURCES = fileURLToPath(new URL("../src", import.meta.url));

const TITLES: Readonly<Record<string, string>> = {
  FILE: "Any file",
  SAFETENSORS: "safetensors",
  MODEL: "Model files",
  CHECKPOINT: "Checkpoints",
  RUN: "run.json, and other JSON files of run folders",
  CASE: "Case files of `cbapd check`",
  NPY: "npy",
  NPZ: "npz, and .keras: any zip",
  IMPORT: "Other tools' models",
  KERAS: "Keras' descriptions and weights",
  TFJS: "tfjs' files",
  HDF5: "HDF5",
  ARCHIVE: "Archives of datasets",
  CIFAR10: "CIFAR-10",
  CIFAR100: "CIFAR-100",
  IDX: "IDX files",
  DATASET: "Datasets",
  PACKAGE: "npm packages",
  IMAGE: "Pictures",
  PNG: "CIFAR-10's PNG pictures",
};

/** Columns of equal width, as the formatter wants them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

function page(): string {
  const lines = [
    "# Why a file is refused",
    "",
    "Every error that a file causes is a `FileError` or a `DataError` with a `code` (`--verbose` shows it). Codes keep their meaning;",
    'messages may be reworded. In programs: `import { ERROR_CODES, type ErrorCode } from "cbapd"`.',
  ];
  for (const [prefix, title] of Object.entries(TITLES)) {
    const rows = Object.entries(ERROR_CODES)
      .filter(([code]) => code.startsWith(`${prefix}_`))
      .map(([code, reason]) => [`\`${code}\``, reason.replaceAll("__", "\\_\\_")]);
    lines.push("", `## ${title}`, "", ...table(["Code", "The file"], rows));
  }
  return `${lines.join("\n")}\n`;
}

it("docs/errors.md holds each code once", async () => {
  const text = page();
  for (const code of Object.keys(ERROR_CODES)) expect(text.split(`\`${code}\``).length, code).toBe(2);
  await expect(text).toMatchFileSnapshot("../docs/errors.md");
});

it("each code is thrown somewhere", () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  const sources = files.filter((name) => name.endsWith(".ts") && name !== "errorCodes.ts");
  const text = sources.map((name) => readFileSync(`${SOURCES}/${name}`, "utf8")).join("\n");
  // SAFETENSORS_NAME_ codes are put together from what names.ts says.
  const built = [...text.matchAll(/"([A-Z_]+)"/g)].map(([, fault]) => `SAFETENSORS_NAME_${fault}`);
  const missing = Object.keys(ERROR_CODES).filter(
    (code) => !text.includes(`"${code}"`) && !built.includes(code),
  );
  expect(missing).toEqual([]);
});
