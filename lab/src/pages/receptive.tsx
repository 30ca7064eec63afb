/** Receptive field: what a unit sees, how that grows, how much each pixel counts, and what it costs. */
import { useMemo, useState } from "preact/hooks";
import { Failure } from "../components/Failure.js";
import { Figures } from "../components/Figures.js";
import { NumberField, SelectField } from "../components/fields.js";
import { Heatmap, type Mark } from "../components/Heatmap.js";
import { formatCount, formatShape } from "../components/numbers.js";
import { StepsField } from "../components/StepsField.js";
import { placeOf } from "../engine/geometry.js";
import type { Growth, Stage, UnitView } from "../engine/protocol/explain.js";
import { useCall } from "../engine/useCall.js";
import { networkChoices, place, stepSetup } from "../explained.js";
import { dictionary } from "../i18n/index.js";
import { parameter, setParameters } from "../router.js";
import { changeSetup, networkSpec, setup } from "../setup.js";
import type { Page } from "./page.js";
import { StageList } from "./step/StageList.js";
import "./receptive/receptive.css";

const t = dictionary(
  {
    title: "Receptive field",
    about: "What one unit sees of the picture. Choose a unit of any stage.",
    network: "Network",
    stages: "Stages",
    units: "Units of {stage}",
    channel: "Channel",
    box: "Box in the input, and how much each pixel counts",
    boxNote:
      "The frame holds all pixels that go into the unit. The colours are |∂unit/∂pixel|, summed over the channels, mean of {n} images, after {steps} steps of training.",
    unit: "Unit",
    size: "Receptive field",
    seen: "of it inside the picture",
    half: "pixels that count at least half as much as the strongest",
    counted: "pixels that count at all",
    all: "all",
    chain: "What it sees of each stage before",
    growth: "How fields grow",
    stage: "Stage",
    kernel: "Kernel",
    stride: "Stride",
    shape: "Shape",
    sizeColumn: "Size",
    jump: "Jump",
    rule: "size += (kernel − 1) · jump, then jump *= stride",
    compare: "Two 3×3 against one 5×5",
    channels: "Channels",
    side: "Height and width",
    positive: "A whole number from 1 to {most}.",
    stack: "Convolutions",
    field: "Field",
    parameters: "Parameters",
    macs: "MACs an image",
    between: "In a network the small ones have a relu between them: they see the same, and can do more.",
  },
  {
    title: "感受野",
    about: "一个单元看到图像的哪一部分。可选择任一阶段的任一单元。",
    network: "网络",
    stages: "各阶段",
    units: "{stage} 的单元",
    channel: "通道",
    box: "输入中的方框，以及每个像素的分量",
    boxNote:
      "方框包含进入该单元的所有像素。颜色为 |∂单元/∂像素|，对通道求和，取 {n} 张图像的平均，权重为训练 {steps} 步之后的权重。",
    unit: "单元",
    size: "感受野",
    seen: "其中落在图像之内",
    half: "个像素的分量不小于最强者的一半",
    counted: "个像素有分量",
    all: "全部",
    chain: "它在之前每个阶段看到的部分",
    growth: "感受野如何增长",
    stage: "阶段",
    kernel: "核",
    stride: "步幅",
    shape: "形状",
    sizeColumn: "大小",
    jump: "间距",
    rule: "大小 += (核 − 1) · 间距，然后 间距 *= 步幅",
    compare: "两个 3×3 对一个 5×5",
    channels: "通道数",
    side: "高与宽",
    positive: "1 到 {most} 之间的整数。",
    stack: "卷积",
    field: "感受野",
    parameters: "参数",
    macs: "每图乘加",
    between: "在网络中，小卷积之间还有 relu：看到的范围相同，能做的更多。",
  },
);

const IMAGES = 8;

function Receptive() {
  const spec = networkSpec(setup.value);
  const stages = useCall("networkStages", spec);
  const growth = useCall("fieldGrowth", spec);
  return (
    <>
      <div class="page-head">
        <h1>{t("title")}</h1>
        <p>{t("about")}</p>
      </div>
      <Failure error={stages.error} />
      <div class="columns">
        <div class="stack">
          <section class="panel fields">
            <SelectField
              label={t("network")}
              value={setup.value.network}
              choices={networkChoices()}
              onChange={(network) => {
                setParameters({ stage: undefined, cell: undefined });
                changeSetup({ network });
              }}
            />
            <StepsField />
          </section>
          {stages.value && <Stages stages={stages.value} />}
        </div>
        <div class="stack">
          {stages.value && <Unit stages={stages.value} />}
          <div class="split">
            {growth.value && <GrowthTable growth={growth.value} />}
            <Comparison />
          </div>
        </div>
      </div>
    </>
  );
}

/** Without a choice: the last stage that is a picture. */
function chosenStage(stages: readonly Stage[]): Stage {
  const given = Number(parameter("stage"));
  const pictures = stages.filter(({ shape }) => shape.length === 3);
  const known = parameter("stage") !== undefined && Number.isInteger(given) ? stages[given] : undefined;
  return known ?? pictures[Math.min(3, pictures.length - 1)];
}

function Stages({ stages }: { readonly stages: readonly Stage[] }) {
  return (
    <section class="panel" aria-label={t("stages")}>
      <h2>{t("stages")}</h2>
      <StageList
        stages={stages}
        selected={chosenStage(stages).index}
        onSelect={(stage) => setParameters({ stage, cell: undefined })}
      />
    </section>
  );
}

function middleOf([height, width, channels]: readonly number[]): number {
  if (width === undefined) return 0;
  return (Math.floor(height / 2) * width + Math.floor(width / 2)) * channels;
}

function Unit({ stages }: { readonly stages: readonly Stage[] }) {
  const stage = chosenStage(stages);
  const count = stage.shape.reduce((product, size) => product * size, 1);
  const given = Number(parameter("cell"));
  const fits = parameter("cell") !== undefined && Number.isInteger(given) && given >= 0 && given < count;
  const index = fits ? given : middleOf(stage.shape);
  const { steps } = place.value;
  const argument = { setup: stepSetup(setup.value), steps, stage: stage.index, index, images: IMAGES };
  const { value, error } = useCall("unit", argument);
  const { row, column, channel } = placeOf(stage.shape, index);
  const choose = (cell: number) => setParameters({ stage: stage.index, cell });
  const vector = stage.shape.length === 1;
  const [rows, columns] = vector
    ? [Math.ceil(count / 20), Math.min(count, 20)]
    : [stage.shape[0], stage.shape[1]];
  const channels = vector ? 1 : stage.shape[2];
  const unitAt = (i: number, j: number) =>
    vector ? i * columns + j : (i * columns + j) * channels + channel;
  const cellSize = Math.max(6, Math.min(20, Math.floor(300 / columns)));
  return (
    <section class="panel">
      <div class="unit">
        <div>
          <h2>{t("units", { stage: stage.name })}</h2>
          {channels > 1 && (
            <SelectField
              label={t("channel")}
              value={String(channel)}
              choices={Array.from({ length: channels }, (_, c) => ({ value: String(c), words: String(c) }))}
              onChange={(c) => choose(index - channel + Number(c))}
            />
          )}
          <Heatmap
            label={t("units", { stage: stage.name })}
            rows={rows}
            columns={columns}
            cellSize={cellSize}
            at={(i, j) => unitAt(i, j)}
            version={`${stage.index}/${channel}`}
            scale={{ kind: "sequential", least: 0, most: 1 }}
            colourAt={(i, j) => ((i + j) % 2 ? [214, 222, 232] : [228, 234, 241])}
            selected={vector ? [Math.floor(index / columns), index % columns] : [row, column]}
            onSelect={([i, j]) => unitAt(i, j) < count && choose(unitAt(i, j))}
            withoutTable
          />
        </div>
        <Failure error={error} />
        {value && value.boxes.length === stage.index + 1 && <Field unit={value} />}
      </div>
      {value && value.boxes.length === stage.index + 1 && <Chain stages={stages} unit={value} />}
    </section>
  );
}

function frameOf(box: { top: number; left: number; bottom: number; right: number }, colour = "accent"): Mark {
  return {
    row: box.top,
    column: box.left,
    rows: box.bottom - box.top,
    columns: box.right - box.left,
    colour,
  };
}

function Field({ unit: { boxes, field } }: { readonly unit: UnitView }) {
  const { seen, reached } = boxes[0]!;
  const size = (box: typeof seen) => `${box.bottom - box.top}×${box.right - box.left}`;
  const scale = useMemo(() => ({ kind: "sequential", least: 0, most: field.largest }) as const, [field]);
  return (
    <div>
      <h2>{t("box")}</h2>
      <Heatmap
        label={t("box")}
        rows={field.height}
        columns={field.width}
        cellSize={10}
        at={(i, j) => field.magnitudes[i * field.width + j]}
        version={field}
        scale={scale}
        marks={[frameOf(seen, "bad")]}
      />
      <Figures
        entries={[
          { name: t("size"), value: size(reached), key: "reached" },
          { name: t("seen"), value: size(seen), key: "seen" },
          { name: t("counted"), value: formatCount(field.pixels), key: "pixels" },
          { name: t("half"), value: formatCount(field.halfPixels), key: "half" },
        ]}
      />
      <p class="note">{t("boxNote", { n: IMAGES, steps: place.value.steps })}</p>
    </div>
  );
}

/** The same box in every stage on the way: a drawing of how it grows. */
function Chain({ stages, unit }: { readonly stages: readonly Stage[]; readonly unit: UnitView }) {
  return (
    <>
      <h3>{t("chain")}</h3>
      <ol class="chain">
        {stages.slice(0, unit.boxes.length).map(({ index, name, shape }) => {
          const box = unit.boxes[index];
          if (!box || shape.length !== 3) return null;
          const [height, width] = shape;
          const [rows, columns] = [box.seen.bottom - box.seen.top, box.seen.right - box.seen.left];
          const label = `${name}: ${rows}×${columns}`;
          return (
            <li key={name}>
              <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
                <rect class="chain-map" width={width} height={height} />
                <rect class="chain-box" x={box.seen.left} y={box.seen.top} width={columns} height={rows} />
              </svg>
              <span aria-hidden="true">
                {name}
                <br />
                <strong>
                  {rows}×{columns}
                </strong>
              </span>
            </li>
          );
        })}
      </ol>
    </>
  );
}

function GrowthTable({ growth }: { readonly growth: readonly Growth[] }) {
  const pair = (values: readonly number[] | undefined) => (values ? formatShape(values) : t("all"));
  return (
    <section class="panel">
      <h2>{t("growth")}</h2>
      <p class="note">{t("rule")}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll growth" tabIndex={0} aria-label={t("growth")}>
        <table>
          <thead>
            <tr>
              {(["stage", "shape", "kernel", "stride", "sizeColumn", "jump"] as const).map((head) => (
                <th scope="col" key={head}>
                  {t(head)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {growth.map(({ stage, name, shape, window, size, jump }) => (
              <tr key={stage}>
                <th scope="row">{name}</th>
                <td>{formatShape(shape)}</td>
                <td>{window ? formatShape(window.kernel) : ""}</td>
                <td>{window ? formatShape(window.strides) : ""}</td>
                <td>{pair(size)}</td>
                <td>{pair(jump)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

const STACKS = [[3, 3], [5], [3, 3, 3], [7]] as const;

function Comparison() {
  const [channels, setChannels] = useState(64);
  const [side, setSide] = useState(32);
  const { value, error } = useCall("stacks", { stacks: STACKS, channels, side });
  const whole = (most: number) => (value: number) => Number.isInteger(value) && value >= 1 && value <= most;
  return (
    <section class="panel">
      <h2>{t("compare")}</h2>
      <div class="pair">
        <NumberField
          label={t("channels")}
          value={channels}
          fits={whole(1024)}
          rule={t("positive", { most: 1024 })}
          onChange={setChannels}
        />
        <NumberField
          label={t("side")}
          value={side}
          fits={whole(512)}
          rule={t("positive", { most: 512 })}
          onChange={setSide}
        />
      </div>
      <Failure error={error} />
      {value && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll" tabIndex={0} aria-label={t("compare")}>
          <table class="stacks">
            <thead>
              <tr>
                <th scope="col">{t("stack")}</th>
                <th scope="col">{t("field")}</th>
                <th scope="col">{t("parameters")}</th>
                <th scope="col">{t("macs")}</th>
              </tr>
            </thead>
            <tbody>
              {value.map(({ kernels, receptiveField, parameters, macs }) => (
                <tr key={kernels.join()}>
                  <th scope="row">{kernels.map((k) => `${k}×${k}`).join(" → ")}</th>
                  <td>
                    {receptiveField}×{receptiveField}
                  </td>
                  <td>{formatCount(parameters)}</td>
                  <td>{formatCount(macs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <p class="note">{t("between")}</p>
    </section>
  );
}

export const receptivePage: Page = { name: "receptive", title: () => t("title"), Page: Receptive };
