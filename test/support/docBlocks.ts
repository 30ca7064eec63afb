/** The code blocks of the documentation, and what their comments ask for: docs/README.md describes it. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface DocBlock {
  readonly page: string;
  /** Of the fence. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** Comments directly before the fence, `<!-- setup: … -->` and so on. */
  readonly notes: Readonly<Record<string, string>>;
}

/** What stands for "unlabelled": pictures, formulas, what a command prints. */
export const PROSE = new Set(["", "text"]);
const NOTES = ["setup", "continues", "not run", "quick", "fails", "output"];

/** Pages of the site and the two that GitHub shows first; not the generated API reference. */
export function documentationPages(): string[] {
  const docs = readdirSync(`${ROOT}docs`, { recursive: true, encoding: "utf8" }).map((name) =>
    name.replaceAll("\\", "/"),
  );
  const pages = docs.filter(
    (name) => name.endsWith(".md") && !/^(node_modules|api|\.vitepress)\//.test(name) && name !== "README.md",
  );
  const top = readdirSync(ROOT).filter((name) => name === "README.md" || name === "CONTRIBUTING.md");
  return [...top, ...pages.sort().map((name) => `docs/${name}`)];
}

export function blocksOf(page: string): DocBlock[] {
  return parseBlocks(page, readFileSync(`${ROOT}${page}`, "utf8"));
}

export function parseBlocks(page: string, text: string): DocBlock[] {
  const lines = text.split("\n");
  const blocks: DocBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(`{3,})\s*([\w+-]*)/.exec(lines[at]);
    if (!fence) continue;
    const [, indent, ticks, language] = fence;
    let end = at + 1;
    while (end < lines.length && lines[end].trim() !== ticks) end++;
    if (end === lines.length) throw new Error(`${page}:${at + 1}: a block without an end.`);
    const code = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent.length, line.length)));
    const notes = notesBefore(page, lines.slice(0, at));
    blocks.push({ page, line: at + 1, language, code: code.join("\n"), notes });
    at = end;
  }
  return blocks;
}

/** The comments that end where the block begins, blank lines between them apart. */
function notesBefore(page: string, lines: readonly string[]): Record<string, string> {
  const notes: Record<string, string> = {};
  let text = lines.slice(-60).join("\n").trimEnd();
  while (text.endsWith("-->")) {
    const start = text.lastIndexOf("<!--");
    const inner = text.slice(start + 4, -3).trim();
    const name = NOTES.find((note) => inner === note || inner.startsWith(`${note}:`));
    if (!name) throw new Error(`${page}: a comment before a block must be one of ${NOTES}; got ${inner}.`);
    notes[name] = inner.slice(name.length + 1).trim();
    text = text.slice(0, start).trimEnd();
  }
  return notes;
}

export interface Typed {
  readonly command: string;
  /** What the page shows below it is an error. */
  readonly fails: boolean;
}

/** Commands of a block without a language that shows `$ cbapd …` and what it prints; none of any other. */
export function transcriptOf({ language, code }: DocBlock): Typed[] {
  if (!PROSE.has(language) || !code.startsWith("$ ")) return [];
  return code
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command, ...output] = part.split("\n");
      return { command, fails: output.some((line) => line.startsWith("error:")) };
    });
}

/** Words as a shell would split them, quotes taken away, nothing expanded: comments left out, continued lines joined, `&&` and `|` split. */
export function commandsOf(code: string): string[][] {
  const commands: string[][] = [];
  for (const line of code.replaceAll(/\\\n\s*/g, "").split("\n")) {
    let command: string[] = [];
    for (const word of line.match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g) ?? []) {
      if (word.startsWith("#")) break;
      if (word === "&&" || word === "|") {
        commands.push(command);
        command = [];
      } else command.push(word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"));
    }
    commands.push(command);
  }
  return commands.filter((words) => words.length > 0);
}

/** The arguments of `cbapd …` or `npx cbapd …`; undefined for any other command. */
export function cbapdArguments(words: readonly string[]): readonly string[] | undefined {
  const [first, ...rest] = words[0] === "npx" ? words.slice(1) : words;
  return first === "cbapd" ? rest : undefined;
}

/** Whether the expected text occurs in what was printed, white space aside; `…` stands for anything. */
export function printed(expected: string, output: string, from = 0): number {
  const pattern = expected
    .trim()
    .split(/\s*…\s*/)
    .map((part) =>
      part
        .split(/\s+/)
        .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
        .join("\\s+"),
    )
    .join("[\\s\\S]*?");
  const found = new RegExp(pattern, "g");
  found.lastIndex = from;
  return found.test(output) ? found.lastIndex : -1;
}

/** What `// → …` comments (in Python `# → …`) say that the lines before them print. */
export function expectations(code: string): string[] {
  return [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map(([, text]) => text);
}
