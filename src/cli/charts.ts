/** Writes a chart as SVG and, beside it, as PNG. The libraries that draw are loaded here, and only then. */
import type { Comparison, Limits, Profile } from "../bench/index.js";
import { type ClassificationReport, type Dataset, writeFileAtomic } from "../index.js";
import { imageRgb } from "./terminalImage.js";

/** @param path of the SVG or the PNG: the other has the same name. @returns both paths */
export async function writeSvgAndPng(path: string, svg: string): Promise<string[]> {
  const { svgToPng } = await import("../plots/png.js");
  const stem = path.replace(/\.(svg|png)$/, "");
  await writeFileAtomic(`${stem}.svg`, svg);
  await writeFileAtomic(`${stem}.png`, svgToPng(svg));
  return [`${stem}.svg`, `${stem}.png`];
}

export async function writeRoofline(path: string, profile: Profile, limits: Limits): Promise<string[]> {
  const { rooflineSvg } = await import("../plots/roofline.js");
  const { network, workers, batchSize, kernels } = profile;
  // Rates are those of all workers together; so are the limits then.
  const svg = rooflineSvg({
    title: `${network}, ${workers} worker${workers > 1 ? "s" : ""}, batch size ${batchSize}`,
    peakGflops: limits.peakGflops * workers,
    memoryGigabytesPerSecond: limits.memoryGigabytesPerSecond,
    cacheGigabytesPerSecond: limits.cacheGigabytesPerSecond * workers,
    points: kernels.filter(({ ms }) => ms > 0),
  });
  return writeSvgAndPng(path, svg);
}

/** Images a second as multiples of PyTorch's, or of ours where it could not run. */
export async function writePeers(path: string, comparisons: readonly Comparison[]): Promise<string[]> {
  const { barsSvg } = await import("../plots/bars.js");
  const all = comparisons.every(({ results }) => results.some(({ contender }) => contender === "pytorch"));
  const base = all ? "pytorch" : "cbapd";
  const panels = new Map<string, { group: string; series: string; value: number }[]>();
  for (const { network, mode, workers, results } of comparisons) {
    const title = `${mode}, ${workers} ${workers > 1 ? "workers or threads" : "worker or thread"}`;
    const one = results.find(({ contender }) => contender === base)!;
    const bars = results.map(({ contender, stepMs }) => ({
      group: network,
      series: contender,
      value: one.stepMs / stepMs,
    }));
    panels.set(title, [...(panels.get(title) ?? []), ...bars]);
  }
  const svg = barsSvg(
    "Images a second",
    base,
    Array.from(panels, ([title, bars]) => ({ title, bars })),
  );
  return writeSvgAndPng(path, svg);
}

export async function writeConfusion(
  path: string,
  title: string,
  { confusionMatrix, classes }: ClassificationReport,
): Promise<string[]> {
  const { confusionSvg } = await import("../plots/confusion.js");
  const names = classes.map(({ name }) => name);
  return writeSvgAndPng(path, confusionSvg(confusionMatrix, names, { title }));
}

/** Pixels of the contact sheet's pictures: small images are enlarged, with edges that stay sharp. */
const MISTAKE_SIZE = 256;

/** The worst mistakes as one PNG. */
export async function writeMistakes(
  path: string,
  data: Dataset,
  { mistakes, classes }: ClassificationReport,
  count: number,
): Promise<void> {
  const [{ contactSheetSvg }, { svgToPng }, { encode }] = await Promise.all([
    import("../plots/contactSheet.js"),
    import("../plots/png.js"),
    import("fast-png"),
  ]);
  const [height, width] = data.imageShape;
  const zoom = Math.max(1, Math.round(MISTAKE_SIZE / Math.max(height, width)));
  const worst = mistakes.slice(0, count);
  const tiles = worst.map(({ index, label, predicted, probability }) => {
    const rgb = imageRgb(data, index, zoom);
    const png = encode({ width: width * zoom, height: height * zoom, data: rgb, channels: 3, depth: 8 });
    const file = data.files?.[index].split(/[/\\]/).at(-1) ?? `image ${index}`;
    return {
      png,
      aspect: width / height,
      lines: [
        { text: classes[label].name, colour: "#222" },
        { text: `→ ${classes[predicted].name} ${(100 * probability).toFixed(0)} %`, colour: "#c8321e" },
        { text: file, colour: "#888" },
      ],
    };
  });
  const title = `The worst ${worst.length} of ${mistakes.length} mistakes, ${data.name}`;
  await writeFileAtomic(path, svgToPng(contactSheetSvg(title, tiles)));
}
