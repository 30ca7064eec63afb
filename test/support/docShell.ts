/** A page's commands, run one block after another in a folder with the files that pages speak of. */
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { encode } from "fast-png";
import { type DocBlock, PROSE, printed, ROOT, transcriptOf } from "./docBlocks.js";

const run = promisify(execFile);

/** A network of one's own. */
const MY_NET = `import { layers, sequential } from "cbapd";
export default ({ classes, inputShape }) =>
  sequential([layers.flatten({ inputShape }), layers.dense({ units: classes, activation: "softmax" })]);
`;

/** Two folders of pictures, two pictures, a network, a case file, and (for commands) a small trained run. */
export function prepareFiles(folder: string): void {
  if (existsSync(join(folder, "photos"))) return;
  for (const set of ["photos", "pets"]) {
    ["cat", "dog"].forEach((name, label) => {
      mkdirSync(join(folder, set, name), { recursive: true });
      for (let n = 0; n < 10; n++)
        writeFileSync(join(folder, set, name, `${n}.png`), picture(40 + n, label * 90 + n));
    });
  }
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(ROOT, join(folder, "node_modules", "cbapd"));
  writeFileSync(join(folder, "my-net.js"), MY_NET);
  // Readers of pictures look into the file, not at its name.
  for (const name of ["cat.jpg", "dog.png", "photo1.jpg", "photo2.png"]) {
    writeFileSync(join(folder, name), picture(48, name.length));
  }
}

function picture(side: number, seed: number): Uint8Array {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + seed * 31 + (i >> 5)) & 255);
  return encode({ width: side, height: side, channels: 3, depth: 8, data });
}

/** `cbapd` and `npx cbapd` on the PATH, with small arguments added: test/support/docCbapd.js. */
function commandsFolder(scratch: string): string {
  const bin = join(scratch, "bin");
  mkdirSync(bin, { recursive: true });
  const call = `exec "${process.execPath}" "${join(ROOT, "test", "support", "docCbapd.js")}"`;
  writeFileSync(join(bin, "cbapd"), `#!/bin/sh\n${call} "$@"\n`);
  writeFileSync(join(bin, "npx"), `#!/bin/sh\nshift\n${call} "$@"\n`);
  for (const name of ["cbapd", "npx"]) chmodSync(join(bin, name), 0o755);
  return bin;
}

/** @throws with the output of a block that fails or does not print what the page says */
export async function runShellPage(
  page: string,
  blocks: readonly DocBlock[],
  scratch: string,
): Promise<void> {
  const bin = commandsFolder(scratch);
  const folder = join(scratch, "commands", page);
  prepareFiles(folder);
  const trained = join(scratch, "commands", "trained");
  const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, NO_COLOR: "1" };
  if (!existsSync(trained)) {
    mkdirSync(trained, { recursive: true });
    await run("cbapd", ["train", "baseline"], { cwd: trained, env: environment });
  }
  const trains = blocks.some(({ page: of, code }) => of === page && /train baseline(?!.*--run)/.test(code));
  if (!trains) cpSync(trained, folder, { recursive: true });
  copyFileSync(
    join(ROOT, "test", "check", "cases", "baseline.safetensors"),
    join(folder, "case.safetensors"),
  );

  let output = "";
  let from = 0;
  for (const block of blocks) {
    const { page: of, language, code, notes, line } = block;
    const transcript = transcriptOf(block);
    if (of !== page || notes["not run"] !== undefined) continue;
    if (notes.output !== undefined && PROSE.has(language)) {
      for (const expected of code.split("\n").filter((text) => text.trim() !== "")) {
        const end = printed(expected, output, from);
        if (end < 0) throw new Error(`${page}:${line}: "${expected}" is not printed there; got\n${output}`);
        from = end;
      }
    }
    if (language !== "sh" && transcript.length === 0) continue;
    const env = { ...environment, CBAPD_DOC_QUICK: notes.quick ?? "" };
    const scripts =
      language === "sh"
        ? [
            {
              script: `set -e\n${notes.setup ?? ""}\n${ownScriptsLeftOut(code)}`,
              expected: Number(notes.fails ?? 0),
            },
          ]
        : transcript.map(({ command, fails }) => ({ script: command, expected: fails ? 1 : 0 }));
    output = "";
    for (const { script, expected } of scripts) {
      const done = await run("bash", ["-c", script], {
        cwd: folder,
        env,
        maxBuffer: 1e8,
        timeout: 300_000,
      }).then(
        ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
        (error) => error as { stdout: string; stderr: string; code: number },
      );
      if (done.code !== expected) {
        throw new Error(
          `${page}:${line}: exit code ${done.code}, expected ${expected}:\n${script}\n${done.stdout}\n${done.stderr}`,
        );
      }
      output += done.stdout;
    }
    from = 0;
  }
}

/** `npm …` of the project itself: the scripts have tests of their own, and .ci/run runs them. */
function ownScriptsLeftOut(code: string): string {
  return code.replaceAll(/^(\w+=\S+ )*(npm|git) .*$/gm, ":");
}
