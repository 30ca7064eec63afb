/**
 * Every code block of the documentation runs, or says why it cannot: docs/README.md. Programs are type-checked and run here, on small data;
 * commands are held against the command line's own options, and run by `npm run test:docs`.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  blocksOf,
  cbapdArguments,
  commandsOf,
  type DocBlock,
  documentationPages,
  expectations,
  PROSE,
  parseBlocks,
  printed,
  ROOT,
  transcriptOf,
} from "./support/docBlocks.js";
import { prepareFiles, runShellPage } from "./support/docShell.js";

const run = promisify(execFile);
const PROGRAMS = new Set(["ts", "js"]);
const KNOWN = new Set([...PROSE, ...PROGRAMS, "sh", "python", "json"]);
/** Blocks that say `not run`, of all that hold code. */
const MOST_NOT_RUN = 0.15;
/** What a block may call beside cbapd without a word: the project's own scripts are tested elsewhere. */
const OTHER_COMMANDS =
  /^(npm (ci|install|start|run [\w:]+|test|pack|init)|cd|mkdir|export|git clone|[A-Z_]+=)\b/;

/** While writing: CBAPD_DOCS_PAGE=tutorial/ runs the blocks of pages with this text in their path only. */
const only = process.env.CBAPD_DOCS_PAGE ?? "";
const pages = documentationPages().filter((page) => page.includes(only));
const blocks = pages.flatMap(blocksOf);
const where = ({ page, line }: DocBlock) => `${page}:${line}`;
const skipped = (block: DocBlock) => block.notes["not run"] !== undefined;
const wanted = (languages: ReadonlySet<string>) =>
  blocks.filter((block) => languages.has(block.language) && !skipped(block));

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "cbapd-docs-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("blocks", () => {
  it("are of a kind that a test can run, or say why they are not run", () => {
    const strange = blocks.filter((block) => !KNOWN.has(block.language) && !skipped(block));
    expect(strange.map((block) => `${where(block)} ${block.language}`)).toEqual([]);
    const reasons = blocks.filter(skipped).map((block) => `${where(block)}: ${block.notes["not run"]}`);
    for (const reason of reasons) expect(reason).toMatch(/: \S.{7,}/);
    const code = blocks.filter(({ language }) => !PROSE.has(language));
    if (!only)
      expect(reasons.length / code.length, `not run:\n${reasons.join("\n")}`).toBeLessThan(MOST_NOT_RUN);
  });

  it("without a language hold no code", () => {
    const hidden = blocks.filter(
      ({ language, code }) =>
        PROSE.has(language) &&
        !code.startsWith("$ ") &&
        /^(import |const |await |\$ |cbapd |npx )/m.test(code),
    );
    expect(hidden.map(where)).toEqual([]);
  });

  it("are read with their comments", () => {
    const text = "<!-- setup: a = 1 -->\n<!-- continues -->\n\n```ts\nlet b;\n```\ntext\n```\nx\n```\n";
    expect(parseBlocks("page", text)).toEqual([
      { page: "page", line: 4, language: "ts", code: "let b;", notes: { setup: "a = 1", continues: "" } },
      { page: "page", line: 8, language: "", code: "x", notes: {} },
    ]);
    expect(() => parseBlocks("page", "<!-- setpu: a -->\n```ts\n```\n")).toThrow("must be one of");
  });
});

/** A block, and those that continue it. */
interface Program {
  readonly name: string;
  readonly extension: string;
  readonly page: string;
  readonly parts: string[];
}

function programs(): Program[] {
  const found: Program[] = [];
  for (const block of wanted(PROGRAMS)) {
    const code = [block.notes.setup ?? "", block.code].join("\n");
    const last = found.at(-1);
    if (block.notes.continues !== undefined && last?.page === block.page) {
      last.parts.push(code);
      continue;
    }
    const name = `${block.page
      .replace(/^docs\//, "")
      .replace(/\.md$/, "")
      .replaceAll("/", "-")}-${block.line}`;
    found.push({ name, extension: block.language, page: block.page, parts: [code] });
  }
  return found;
}

describe("programs", () => {
  it("type-check, run, and print what their comments say", async () => {
    const all = programs();
    if (only && all.length === 0) return;
    if (!only) expect(all.length).toBeGreaterThan(10);
    const folder = join(scratch, "programs");
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const name of ["@types", "@tensorflow", "fast-check", "onnxruntime-web"]) {
      symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
    }
    symlinkSync(ROOT, join(folder, "node_modules", "cbapd"));
    const settings = {
      target: "es2023",
      module: "nodenext",
      lib: ["es2023", "dom"],
      types: ["node"],
      strict: true,
      allowJs: true,
      checkJs: false,
      skipLibCheck: true,
      rootDir: ".",
      outDir: "out",
    };
    const files = all.map(({ name, extension }) => `${name}.${extension}`);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: settings, files }));
    all.forEach(({ parts }, index) => {
      writeFileSync(join(folder, files[index]), `${parts.join("\n")}\nexport {};\n`);
    });
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const types = await run(process.execPath, [tsc, "-p", folder]).catch(({ stdout }) => ({ stdout }));
    expect(types.stdout, "types of documentation's blocks, named page-line").toBe("");

    const jobs = all.map(({ name, page }) => ({
      name,
      file: join(folder, "out", `${name}.js`),
      scratch: join(scratch, "files", page),
    }));
    for (const { page } of all) prepareFiles(join(scratch, "files", page));
    writeFileSync(join(folder, "out", "jobs.json"), JSON.stringify(jobs));
    const runner = join(ROOT, "test", "support", "docRunner.js");
    await run(process.execPath, [runner, join(folder, "out")], { maxBuffer: 1e8 });
    const results = JSON.parse(readFileSync(join(folder, "out", "results.json"), "utf8"));
    const faults = (results as { name: string; output: string; error?: string }[]).flatMap(
      ({ name, output, error }, index) => {
        if (error) return [`${name}: ${error}`];
        let from = 0;
        return all[index].parts.flatMap(expectations).flatMap((text) => {
          const end = printed(text, output, from);
          if (end < 0) return [`${name}: prints no "${text}" there, but\n${output}`];
          from = end;
          return [];
        });
      },
    );
    expect(faults.join("\n")).toBe("");
  });
});

describe("commands", () => {
  it("are such as the command line understands", () => {
    const faults: string[] = [];
    const found: { readonly shown: string; readonly words: readonly string[] }[] = [];
    for (const block of blocks.filter((each) => !skipped(each))) {
      const transcript = transcriptOf(block).map(({ command }) => command);
      for (const command of commandsOf(block.language === "sh" ? block.code : transcript.join("\n"))) {
        const shown = `${where(block)}: ${command.join(" ")}`;
        const words = cbapdArguments(command);
        if (words) found.push({ shown, words });
        else if (!OTHER_COMMANDS.test(command.join(" "))) faults.push(`${shown}: not known to this test`);
      }
    }
    misuses(found.map(({ words }) => words)).forEach((fault, index) => {
      if (fault !== null) faults.push(`${found[index].shown}: ${fault}`);
    });
    expect(faults.join("\n")).toBe("");
    if (!only) expect(found.length).toBeGreaterThan(20);
  });

  it("a misspelt one is found", () => {
    const [option, value, name, right] = misuses([
      ["train", "lenet5", "--epoch", "3"],
      ["train", "lenet5", "--epochs", "x"],
      ["trian", "lenet5"],
      ["train", "lenet5", "--epochs", "3"],
    ]);
    expect(option).toMatch("unknown option");
    expect(value).toMatch("--epochs");
    expect(name).toMatch("no such command");
    expect(right).toBeNull();
  });
});

/** Parsed by the program's own parser, in a process of its own. */
function misuses(commands: readonly (readonly string[])[]): (string | null)[] {
  const parser = join(ROOT, "test", "support", "docParse.js");
  return JSON.parse(
    execFileSync(process.execPath, [parser], { input: JSON.stringify(commands), encoding: "utf8" }),
  );
}

describe("pictures", () => {
  it("are what docs/pictures/draw.js draws", async () => {
    const draw = join(ROOT, "docs", "pictures", "draw.js");
    await expect(run(process.execPath, [draw, "--check"])).resolves.toMatchObject({ stderr: "" });
  });
});

describe("tables of names", () => {
  const comparisons = pages.filter((page) => page.includes("coming-from"));
  const named = (page: string, pattern: RegExp) => {
    const inside = readFileSync(join(ROOT, page), "utf8").match(/`[^`\n]+`/g) ?? [];
    return inside.flatMap((code) => [...code.matchAll(pattern)].map(([, name]) => name));
  };

  it.each(comparisons)("%s names what there is", async (page) => {
    const cbapd = await import("../src/index.js");
    const ours = named(page, /(?<![.\w])layers\.(\w+)/g);
    expect(ours.length).toBeGreaterThan(5);
    for (const name of ours) expect(Object.keys(cbapd.layers), page).toContain(name);
    const functions = named(
      page,
      /(?<![.\w])(adamw?|sgd|rmsprop|oneCycle|cosineDecay|sequential|model|input|l2)\(/g,
    );
    for (const name of functions) expect(Object.keys(cbapd), page).toContain(name);
    const methods = named(page, /\bnet\.(\w+)\(/g);
    for (const name of methods) expect(name in cbapd.Model.prototype, `${page}: net.${name}`).toBe(true);
  });

  it("tfjs has the layers that its table names", () => {
    const types = join(ROOT, "node_modules", "@tensorflow", "tfjs-layers", "dist", "exports_layers.d.ts");
    const declared = readFileSync(types, "utf8");
    for (const name of named("docs/coming-from-tfjs.md", /tf\.layers\.(\w+)/g)) {
      expect(declared, name).toMatch(`export declare function ${name}(`);
    }
  });
});

describe("other blocks", () => {
  it("JSON is JSON", () => {
    for (const block of wanted(new Set(["json"]))) {
      expect(() => JSON.parse(block.code), where(block)).not.toThrow();
    }
  });

  it("Python compiles", async ({ skip }) => {
    const python = wanted(new Set(["python"]));
    if (
      await run("python3", ["--version"]).then(
        () => false,
        () => true,
      )
    )
      skip("no python3 here");
    const source = join(scratch, "python.json");
    writeFileSync(source, JSON.stringify(python.map((block) => [where(block), block.code])));
    const check =
      "import json, sys\nfor name, code in json.load(open(sys.argv[1])): compile(code, name, 'exec')";
    execFileSync("python3", ["-c", check, source], { stdio: "pipe" });
  });
});

describe.runIf(process.env.CBAPD_DOCS === "all")("commands, run", () => {
  for (const page of pages) {
    const typed = (block: DocBlock) => block.language === "sh" || transcriptOf(block).length > 0;
    if (blocks.some((block) => block.page === page && typed(block) && !skipped(block)))
      it(page, () => runShellPage(page, blocks, scratch), 600_000);
  }

  it("Python, where its packages are", async () => {
    let ran = 0;
    for (const block of wanted(new Set(["python"]))) {
      const python = await interpreterWith(
        /^import (\w+)/m.exec(`${block.notes.setup ?? ""}\n${block.code}`)?.[1] ?? "sys",
      );
      if (!python) continue;
      const { stdout } = await run(python, ["-c", `${block.notes.setup ?? ""}\n${block.code}`], {
        cwd: scratch,
      });
      for (const text of expectations(block.code)) {
        expect(printed(text, stdout), `${where(block)}: prints no "${text}", but ${stdout}`).toBeGreaterThan(
          0,
        );
      }
      ran++;
    }
    console.log(`${ran} of ${wanted(new Set(["python"])).length} blocks of Python ran`);
  });
});

async function interpreterWith(package_: string): Promise<string | undefined> {
  for (const python of [process.env.CBAPD_PYTHON, "python3", "/usr/bin/python3"]) {
    const works =
      python &&
      (await run(python, ["-c", `import ${package_}`]).then(
        () => true,
        () => false,
      ));
    if (works) return python;
  }
  return undefined;
}
