/** A network as JSON: what a saved model says about its own layers. */
import { z } from "zod";
import { CbapdError, FileError, show } from "../errors.js";
import { KINDS } from "../layers/index.js";
import { NodeList } from "./build.js";
import type { Graph } from "./graph.js";

const configSchema = z.object({
  name: z.string(),
  output: z.number().int().nonnegative(),
  nodes: z
    .array(
      z.object({
        kind: z.string(),
        name: z.string(),
        options: z.record(z.string(), z.unknown()),
        inputs: z.array(z.number().int().nonnegative()),
      }),
    )
    .min(1),
});

export type GraphConfig = z.infer<typeof configSchema>;

export function graphToConfig(graph: Graph): GraphConfig {
  return {
    name: graph.name,
    output: graph.output,
    nodes: graph.nodes.map((node) => ({
      kind: node.layer.kind,
      name: node.name,
      options: { ...node.options },
      inputs: [...node.inputs],
    })),
  };
}

/** @param source the file it came from, for messages @throws FileError when it describes no network */
export function graphFromConfig(config: unknown, source: string): Graph {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new FileError(
      `${source}: the network's description is damaged at ${issue.path.join(".")}: ${issue.message}.`,
    );
  }
  const { name, nodes, output } = parsed.data;
  const list = new NodeList();
  try {
    nodes.forEach((node, index) => {
      const layer = KINDS[node.kind];
      if (!layer) throw new FileError(`unknown layer kind ${show(node.kind)}`);
      const bad = node.inputs.find((input) => input >= index);
      if (bad !== undefined)
        throw new FileError(`${node.name} reads node ${bad}, which does not come before it`);
      list.add(layer, layer.options(node.options), node.name, node.inputs);
    });
    if (output >= list.length) throw new FileError(`output is node ${output} of ${list.length}`);
    return list.graph(name, output);
  } catch (cause) {
    if (!(cause instanceof CbapdError)) throw cause;
    throw new FileError(`${source}: the network's description is damaged: ${cause.message}`, { cause });
  }
}
