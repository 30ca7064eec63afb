/** Small pictures, one of which is chosen: a radio group, so arrow keys go about in it. */
import { useId } from "preact/hooks";
import { Picture } from "./Picture.js";

export interface PictureChoiceProps {
  readonly label: string;
  /** NHWC bytes. */
  readonly pixels: Uint8Array;
  readonly shape: readonly [number, number, number];
  readonly selected: number;
  /** Said of each. */
  readonly names: readonly string[];
  readonly onSelect: (index: number) => void;
}

export function PictureChoice({ label, pixels, shape, selected, names, onSelect }: PictureChoiceProps) {
  const group = useId();
  const size = shape[0] * shape[1] * shape[2];
  return (
    <fieldset class="pictures">
      <legend>{label}</legend>
      {names.map((name, index) => (
        <label
          key={index}
          class={index === selected ? "picture-choice chosen" : "picture-choice"}
          title={name}
        >
          <input
            type="radio"
            class="spoken"
            name={group}
            aria-label={name}
            checked={index === selected}
            onChange={() => onSelect(index)}
          />
          <span aria-hidden="true">
            <Picture
              label=""
              pixels={pixels.subarray(index * size, (index + 1) * size)}
              rows={shape[0]}
              columns={shape[1]}
              width={44}
            />
          </span>
        </label>
      ))}
    </fieldset>
  );
}
