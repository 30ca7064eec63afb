/** Labelled inputs. They tell of a value once it is a good one; until then they say what is wrong. */
import { useEffect, useId, useState } from "preact/hooks";

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly disabled?: boolean;
}

export function SelectField<T extends string>({
  label,
  hint,
  disabled,
  value,
  choices,
  onChange,
}: FieldProps & {
  readonly value: T;
  /** Value and words; `disabled` ones can be seen but not chosen. */
  readonly choices: readonly { readonly value: T; readonly words: string; readonly disabled?: boolean }[];
  readonly onChange: (value: T) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={({ currentTarget }) => onChange(currentTarget.value as T)}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value} disabled={choice.disabled}>
            {choice.words}
          </option>
        ))}
      </select>
      {hint && (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      )}
    </div>
  );
}

export function NumberField({
  label,
  hint,
  disabled,
  value,
  fits,
  rule,
  onChange,
}: FieldProps & {
  readonly value: number;
  readonly fits: (value: number) => boolean;
  /** Shown when it does not fit: "a whole number from 1 to 1024". */
  readonly rule: string;
  readonly onChange: (value: number) => void;
}) {
  const id = useId();
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const bad = text.trim() === "" || !fits(Number(text));
  const note = bad ? rule : hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode="decimal"
        autoComplete="off"
        value={text}
        disabled={disabled}
        aria-invalid={bad}
        aria-describedby={note ? `${id}-note` : undefined}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          const number = Number(currentTarget.value);
          if (currentTarget.value.trim() !== "" && fits(number)) onChange(number);
        }}
      />
      {note && (
        <small id={`${id}-note`} class={bad ? "hint bad" : "hint"}>
          {note}
        </small>
      )}
    </div>
  );
}

export function SliderField({
  label,
  words,
  value,
  min,
  max,
  step,
  onChange,
}: FieldProps & {
  /** The value as it is shown beside the slider. */
  readonly words: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}) {
  const id = useId();
  return (
    <div class="field slider">
      <label for={id}>
        {label} <output for={id}>{words}</output>
      </label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={words}
        onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
      />
    </div>
  );
}
