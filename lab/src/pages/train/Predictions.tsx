/** Test images with what the network says of them now. */
import { useState } from "preact/hooks";
import { formatShare } from "../../components/numbers.js";
import { Picture } from "../../components/Picture.js";
import type { DatasetView, ImagesView, Outlook } from "../../engine/protocol/train.js";
import { useCall } from "../../engine/useCall.js";
import { data, outlook } from "../../training.js";
import { t } from "./words.js";

const SHOWN = 20;
/** All that there are predictions of. */
const FETCHED = 200;

export function Predictions() {
  const [from, setFrom] = useState(0);
  const about = data.value;
  const images = useCall("testImages", about && { data: about.name, from: 0, count: FETCHED });
  const now = outlook.value;
  if (!about || !images.value || !now) return null;
  const count = Math.min(now.count, images.value.labels.length);
  const first = Math.min(from, Math.max(0, count - SHOWN));
  const right = now.confusion.reduce((sum, row, c) => sum + row[c], 0);
  return (
    <section class="panel">
      <h2>
        {t("images")} <small class="hint">{t("imagesHint", { right, n: now.count })}</small>
      </h2>
      <ol class="predictions" start={first + 1}>
        {Array.from({ length: Math.min(SHOWN, count - first) }, (_, i) => (
          <Prediction key={first + i} index={first + i} about={about} images={images.value!} now={now} />
        ))}
      </ol>
      <div class="buttons no-print">
        <button type="button" disabled={first === 0} onClick={() => setFrom(Math.max(0, first - SHOWN))}>
          {t("earlier")}
        </button>
        <button type="button" disabled={first + SHOWN >= count} onClick={() => setFrom(first + SHOWN)}>
          {t("later")}
        </button>
      </div>
    </section>
  );
}

function Prediction({
  index,
  about,
  images,
  now,
}: {
  readonly index: number;
  readonly about: DatasetView;
  readonly images: ImagesView;
  readonly now: Outlook;
}) {
  const [rows, columns, channels] = about.imageShape;
  const size = rows * columns * channels;
  const truth = about.classes[images.labels[index]];
  const predicted = now.predicted[index];
  const right = predicted === images.labels[index];
  return (
    <li class={right ? "prediction right" : "prediction wrong"}>
      <Picture
        label={t("image", { n: index, truth })}
        pixels={images.pixels.subarray(index * size, (index + 1) * size)}
        rows={rows}
        columns={columns}
        width={56}
      />
      <span class="said">{about.classes[predicted]}</span>
      <span class="sure">
        <span aria-hidden="true">{right ? "✓" : "✗"}</span>{" "}
        <span class="spoken">{right ? t("right") : t("wrong", { truth })}</span>
        {formatShare(now.probabilities[index * about.classes.length + predicted])}
      </span>
    </li>
  );
}
