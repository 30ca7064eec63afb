/** Where two networks differ, in words: for a run that goes on with a network that is built anew. */
import { show } from "../errors.js";
import { graphToConfig } from "./config.js";
import type { Graph } from "./graph.js";
import { sameValue } from "./sameValue.js";

/** The first difference; undefined when they are the same network. */
export function graphDifference(before: Graph, now: Graph): string | undefined {
  const [old, current] = [before, now].map((graph) => plain(graphToConfig(graph)));
  if (sameValue(old, current)) return undefined;
  for (const [index, node] of old.nodes.entries()) {
    const other = current.nodes[index];
    if (!other) return `${node.name} was there, and is not any more`;
    if (sameValue(node, other)) continue;
    if (node.kind !== other.kind || node.name !== other.name) {
      return `layer ${index} was ${node.name} (${node.kind}), and is ${other.name} (${other.kind})`;
    }
    for (const option of new Set([...Object.keys(node.options), ...Object.keys(other.options)])) {
      const [was, is] = [node.options[option], other.options[option]];
      if (!sameValue(was, is)) return `${node.name}'s ${option} was ${show(was)}, and is ${show(is)}`;
    }
    if (node.trainable !== other.trainable)
      return `${node.name} ${other.trainable === false ? "is now frozen" : "was frozen"}`;
    return `${node.name} read layers ${show(node.inputs)}, and reads ${show(other.inputs)}`;
  }
  const added = current.nodes[old.nodes.length];
  if (added) return `${added.name} was not there`;
  if (old.name !== current.name) return `its name was ${show(old.name)}, and is ${show(current.name)}`;
  return `its output was layer ${old.output}, and is ${current.output}`;
}

/** As a file holds it: what is undefined is not there. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
