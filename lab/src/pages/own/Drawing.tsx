/** A picture of the network's own size: drawn pixel by pixel, with the mouse, a finger or the keyboard; or taken from a file. */
import { useRef, useState } from "preact/hooks";
import { useCanvas } from "../../components/canvas.js";
import { DataTable } from "../../components/DataTable.js";
import { Failure } from "../../components/Failure.js";
import { SliderField } from "../../components/fields.js";
import { rgba } from "../../components/Picture.js";
import { call } from "../../engine/client.js";
import { IMAGE_SHAPE, setup } from "../../setup.js";
import { themeColour } from "../../theme.js";
import { data } from "../../training.js";
import { t } from "./words.js";

const [ROWS, COLUMNS, CHANNELS] = IMAGE_SHAPE;
/** CSS pixels of one of the picture. */
const ZOOM = 7;
const COLOURS = {
  red: [214, 40, 40],
  yellow: [246, 201, 14],
  green: [42, 157, 80],
  blue: [33, 92, 190],
  white: [245, 245, 245],
  black: [20, 20, 24],
} as const;
type ColourName = keyof typeof COLOURS;

export function filled(name: ColourName): Uint8Array {
  const pixels = new Uint8Array(ROWS * COLUMNS * CHANNELS);
  for (let i = 0; i < pixels.length; i++) pixels[i] = COLOURS[name][i % CHANNELS];
  return pixels;
}

export interface DrawingProps {
  readonly pixels: Uint8Array;
  readonly onChange: (pixels: Uint8Array) => void;
}

export function Drawing({ pixels, onChange }: DrawingProps) {
  const [colour, setColour] = useState<ColourName>("yellow");
  const [brush, setBrush] = useState(3);
  const [cursor, setCursor] = useState<readonly [number, number]>([ROWS / 2, COLUMNS / 2]);
  const [focused, setFocused] = useState(false);
  const [error, setError] = useState<Error>();
  const example = useRef(0);
  const latest = useRef(pixels);
  latest.current = pixels;

  const canvas = useCanvas(
    COLUMNS * ZOOM,
    ROWS * ZOOM,
    (context, width, height) => {
      const bitmap = new OffscreenCanvas(COLUMNS, ROWS);
      bitmap.getContext("2d")!.putImageData(new ImageData(rgba(pixels, ROWS * COLUMNS), COLUMNS, ROWS), 0, 0);
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmap, 0, 0, width, height);
      if (!focused) return;
      const [row, column] = cursor;
      const half = Math.floor(brush / 2);
      context.strokeStyle = themeColour("focus");
      context.lineWidth = 2;
      context.strokeRect((column - half) * ZOOM, (row - half) * ZOOM, brush * ZOOM, brush * ZOOM);
    },
    [pixels, focused, brush, String(cursor)],
  );

  const paint = (row: number, column: number) => {
    const next = latest.current.slice();
    const half = Math.floor(brush / 2);
    for (let y = Math.max(0, row - half); y < Math.min(ROWS, row - half + brush); y++) {
      for (let x = Math.max(0, column - half); x < Math.min(COLUMNS, column - half + brush); x++) {
        next.set(COLOURS[colour], (y * COLUMNS + x) * CHANNELS);
      }
    }
    latest.current = next;
    onChange(next);
  };
  const paintAt = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * ROWS);
    const column = Math.floor(((event.clientX - box.left) / box.width) * COLUMNS);
    setCursor([row, column]);
    paint(row, column);
  };
  const open = async (file: File | undefined) => {
    if (!file) return;
    try {
      onChange(await pixelsOf(file));
      setError(undefined);
    } catch {
      setError(new Error(t("notPicture", { name: file.name })));
    }
  };
  const takeExample = async () => {
    const count = data.peek()?.testCount ?? 1;
    const from = example.current++ % count;
    const images = await call("testImages", { data: setup.peek().data, from, count: 1 });
    onChange(images.pixels);
  };

  return (
    <div class="stack drawing">
      <button
        type="button"
        class="heatmap-picture"
        aria-label={`${t("canvas")}; ${t("at", { row: cursor[0], column: cursor[1] })}. ${t("canvasHelp")}`}
        style={{ width: `${COLUMNS * ZOOM}px`, height: `${ROWS * ZOOM}px` }}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          paintAt(event);
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) paintAt(event);
        }}
        onKeyDown={(event) => {
          const [row, column] = cursor;
          const moves: Readonly<Record<string, readonly [number, number]>> = {
            ArrowUp: [row - 1, column],
            ArrowDown: [row + 1, column],
            ArrowLeft: [row, column - 1],
            ArrowRight: [row, column + 1],
          };
          if (event.key === " " || event.key === "Enter") paint(row, column);
          else if (!moves[event.key]) return;
          else {
            const [y, x] = moves[event.key];
            setCursor([Math.min(ROWS - 1, Math.max(0, y)), Math.min(COLUMNS - 1, Math.max(0, x))]);
          }
          event.preventDefault();
        }}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void open(event.dataTransfer?.files[0]);
        }}
      >
        <canvas ref={canvas} />
      </button>
      <fieldset class="colours">
        <legend>{t("colour")}</legend>
        {(Object.keys(COLOURS) as ColourName[]).map((name) => (
          <label key={name} class={`colour colour-${name}`} title={t(name)}>
            <input
              type="radio"
              name="colour"
              aria-label={t(name)}
              checked={name === colour}
              onChange={() => setColour(name)}
            />
          </label>
        ))}
      </fieldset>
      <SliderField
        label={t("brush")}
        words={`${brush}×${brush}`}
        value={brush}
        min={1}
        max={8}
        step={1}
        onChange={setBrush}
      />
      <div class="buttons">
        <button type="button" onClick={() => onChange(filled(colour))}>
          {t("background")}
        </button>
        <button type="button" onClick={() => void takeExample()}>
          {t("example")}
        </button>
      </div>
      <label class="file">
        <span>
          {t("open")} <small class="hint">{t("dropHint")}</small>
        </span>
        <input
          type="file"
          accept="image/*"
          onChange={({ currentTarget }) => void open(currentTarget.files?.[0])}
        />
      </label>
      <Failure error={error} />
      <DataTable
        caption={t("canvas")}
        rows={ROWS}
        columns={COLUMNS}
        at={(row, column) =>
          pixels
            .subarray((row * COLUMNS + column) * CHANNELS)
            .slice(0, CHANNELS)
            .join(" ")
        }
      />
    </div>
  );
}

/** Stretched to the network's size, as `cbapd predict` does it; transparent parts become white. */
async function pixelsOf(file: File): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(file);
  const context = new OffscreenCanvas(COLUMNS, ROWS).getContext("2d")!;
  context.fillStyle = "white";
  context.fillRect(0, 0, COLUMNS, ROWS);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, COLUMNS, ROWS);
  const image = context.getImageData(0, 0, COLUMNS, ROWS).data;
  return Uint8Array.from({ length: ROWS * COLUMNS * CHANNELS }, (_, i) => {
    return image[Math.floor(i / CHANNELS) * 4 + (i % CHANNELS)];
  });
}
