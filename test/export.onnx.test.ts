/** ONNX files, run by onnxruntime-web, which is Microsoft's: what it computes against what we do. */
import * as ort from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { transpose } from "../src/export/network.js";
import { encodeOnnx, type OnnxOptions } from "../src/export/onnx.js";
import { Message } from "../src/formats/protobuf.js";
import { type Model, models } from "../src/index.js";
import { expectClose } from "./support/close.js";
import { noise } from "./support/livelyWeights.js";
import { exportable, networkWidth, ODD_NAMES } from "./support/oddNetworks.js";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const IMAGES = 3;

async function session(net: Model, options?: OnnxOptions): Promise<ort.InferenceSession> {
  const network = { graph: net.graph, weights: net.getWeights() };
  return ort.InferenceSession.create(Buffer.concat(encodeOnnx("x.onnx", network, options)));
}

async function compare(net: Model, options?: OnnxOptions, atol = 1e-5): Promise<Float32Array> {
  const shape = net.graph.nodes[0].outputShape;
  const x = noise(IMAGES, shape);
  const expected = await net.predict(x, { workers: 1 });
  const running = await session(net, options);
  const first = options?.layout === "nchw";
  const data = first ? transpose(x, [IMAGES, ...shape], [0, 3, 1, 2]) : x;
  const dims = first ? [IMAGES, shape[2], shape[0], shape[1]] : [IMAGES, ...shape];
  const outputs = await running.run({ [running.inputNames[0]]: new ort.Tensor("float32", data, dims) });
  const output = outputs[running.outputNames[0]];
  await running.release();
  expect(output.dims).toEqual([IMAGES, expected.length / IMAGES]);
  expectClose(output.data as Float32Array, expected, { atol }, net.name);
  return expected;
}

describe("ONNX, run by onnxruntime-web", () => {
  it.each(models.names)("%s gives our probabilities to 1e-5, and with normalisation folded", async (name) => {
    const net = exportable(name, networkWidth(name));
    const expected = await compare(net);
    // Equal probabilities would be equal whatever the weights.
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.05);
    await compare(net, { fold: true });
  });

  it.each(ODD_NAMES)("%s: uneven windows, joins, flattened images", async (name) => {
    const net = exportable(name);
    await compare(net);
    await compare(net, { fold: true });
  });

  it("takes channels first where wished", async () => {
    await compare(exportable("windows"), { layout: "nchw" });
    await compare(exportable("resnet18", 1 / 8), { layout: "nchw", fold: true });
  });

  it("folds every normalisation of resnet18, and says what its input is", async () => {
    const net = exportable("resnet18", 1 / 16);
    const network = { graph: net.graph, weights: net.getWeights() };
    const text = (options: OnnxOptions) =>
      Buffer.concat(encodeOnnx("x.onnx", network, options)).toString("latin1");
    expect(text({}).match(/BatchNormalization/g)).toHaveLength(20);
    expect(text({ fold: true })).not.toContain("BatchNormalization");
    const running = await session(net);
    expect([running.inputNames, running.outputNames]).toEqual([["input"], ["dense"]]);
  });
});

describe("protocol buffers", () => {
  // The examples of https://protobuf.dev/programming-guides/encoding/
  it.each([
    [[0x08, 0x96, 0x01], new Message().integer(1, 150)],
    [[0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67], new Message().text(2, "testing")],
    [[0x1a, 0x03, 0x08, 0x96, 0x01], new Message().message(3, new Message().integer(1, 150))],
    [[0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05], new Message().integers(6, [3, 270, 86942])],
    [[0x08, ...Array(9).fill(0xff), 0x01], new Message().integer(1, -1)],
    [[0x0d, 0, 0, 0x80, 0x3f], new Message().float(1, 1)],
  ])("%j", (bytes, message) => {
    expect([...Buffer.concat(message.pieces)]).toEqual(bytes);
    expect(message.byteLength).toBe(bytes.length);
  });
});
