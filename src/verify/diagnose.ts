/** Which mistake fits: each known one is made in the reference, and those that give the user's numbers are named. */
import type { FileCase } from "./caseFile.js";
import { type Comparing, compareAll, type OnProgress, type Run, runReference } from "./caseRun.js";
import type { Results } from "./layer.js";
import { MISTAKES, type Mistake } from "./mistakes.js";

export interface Finding {
  readonly name: string;
  readonly explanation: string;
}

/**
 * Mistakes with which all of their tensors are as ours. Several may be: what a case does not look at cannot tell them apart.
 * @param wrong the tensors that are wrong without any mistake
 */
export function diagnose(
  file: FileCase,
  wrong: readonly string[],
  comparing: Comparing,
  onProgress?: OnProgress,
): Finding[] {
  const candidates = MISTAKES.filter(({ concerns }) => concerns.some((kind) => file.concerns.has(kind)));
  const beforeUpdate = wrong.some((name) => !name.startsWith("after/"));
  const findings: Finding[] = [];
  candidates.forEach((mistake, i) => {
    onProgress?.("mistakes tried", i, candidates.length);
    // An update cannot have changed what was computed before it.
    if (!mistake.plant && beforeUpdate) return;
    if (reproduces(file, mistake, comparing))
      findings.push({ name: mistake.name, explanation: mistake.explanation });
  });
  onProgress?.("mistakes tried", candidates.length, candidates.length);
  return findings;
}

/** The first step alone first, as most mistakes can be told from it. */
function reproduces(file: FileCase, mistake: Mistake, comparing: Comparing): boolean {
  if (file.kind === "network" && file.given.steps > 1) {
    const expected = select(file.expected, (name) => !/^after\/([2-9]|\d\d)/.test(name));
    const first: FileCase = { ...file, expected, given: { ...file.given, steps: 1 } };
    if (!fits(first, mistake, comparing)) return false;
  }
  return fits(file, mistake, comparing);
}

class OtherLogits extends Error {}

function fits(file: FileCase, mistake: Mistake, comparing: Comparing): boolean {
  const run = runWith(file, mistake, comparing);
  return run !== undefined && agrees(file, run, comparing);
}

/** @returns undefined when the forward pass already gives other numbers than theirs: most of the work is still to come */
function runWith(file: FileCase, mistake: Mistake, comparing: Comparing): Run | undefined {
  const outputs = { ...file, expected: select(file.expected, (name) => OUTPUTS.includes(name)) };
  let firstStep = true;
  try {
    return runReference(file, {
      adam: mistake.adam,
      plant(backend) {
        const planted = mistake.plant?.(backend) ?? backend;
        return {
          ...planted,
          softmaxCrossEntropy(logits, labels) {
            const computed = planted.softmaxCrossEntropy(logits, labels);
            const results = new Map([
              ["logits", logits],
              ["probabilities", computed.probabilities],
            ]);
            if (
              file.kind === "network" &&
              firstStep &&
              !agrees(outputs, { results, kinks: undefined }, comparing)
            ) {
              throw new OtherLogits();
            }
            firstStep = false;
            return computed;
          },
        };
      },
    });
  } catch (error) {
    if (error instanceof OtherLogits) return undefined;
    throw error;
  }
}

const OUTPUTS: readonly string[] = ["logits", "probabilities"];

function agrees(file: FileCase, { results, kinks }: Run, comparing: Comparing): boolean {
  const comparisons = compareAll(file, results, { ...comparing, kinks });
  return [...comparisons.values()].every(({ verdict }) => verdict !== "wrong");
}

function select(results: Results, keep: (name: string) => boolean): Results {
  return new Map(Array.from(results).filter(([name]) => keep(name)));
}
