import { NETWORKS, summaryData } from "./library.js";
import type { Handlers } from "./protocol/index.js";
import type { NetworkCalls, NetworkSpec, NetworkView } from "./protocol/network.js";

function graphOf({ network, width, inputShape, classes }: NetworkSpec) {
  if (network === "own") throw new Error("own networks come later"); // issue 7, item 6
  return NETWORKS[network]({ width, inputShape: [...inputShape], classes });
}

function describeNetwork(spec: NetworkSpec): NetworkView {
  const graph = graphOf(spec);
  const summary = summaryData(graph);
  return {
    name: graph.name,
    nodes: graph.nodes.map((node, index) => ({
      name: node.name,
      kind: node.layer.kind,
      title: node.layer.title,
      options: { ...node.options },
      inputs: node.inputs,
      outputShape: node.outputShape,
      parameters: summary.layers[index].parameters,
      receptiveField: summary.layers[index].receptiveField,
      macs: summary.layers[index].macs,
    })),
    totalParameters: summary.totalParameters,
    trainableParameters: summary.trainableParameters,
    macs: summary.macs,
  };
}

export const networkHandlers: Handlers<NetworkCalls> = { describeNetwork };
