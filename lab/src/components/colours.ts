/** Colour scales: what a number looks like. The same in every picture of the lab. */
export type Scale =
  /** Negative blue, zero paper, positive orange. */
  | { readonly kind: "diverging"; readonly most: number }
  /** From `least`, dark, to `most`, light. */
  | { readonly kind: "sequential"; readonly least: number; readonly most: number };

type Colour = readonly [number, number, number];

/** Equal steps look equal: sampled from viridis-like and blue-orange ramps, readable by the colour-blind. */
const NEGATIVE: readonly Colour[] = [
  [247, 247, 245],
  [158, 196, 226],
  [67, 134, 190],
  [16, 66, 122],
];
const POSITIVE: readonly Colour[] = [
  [247, 247, 245],
  [248, 190, 128],
  [222, 115, 34],
  [125, 49, 6],
];
const RAMP: readonly Colour[] = [
  [18, 24, 48],
  [34, 72, 122],
  [42, 126, 144],
  [98, 179, 122],
  [206, 220, 110],
  [253, 246, 200],
];

function along(ramp: readonly Colour[], share: number): Colour {
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const from = Math.min(Math.floor(at), ramp.length - 2);
  const mix = (c: number) => Math.round(ramp[from][c] + (ramp[from + 1][c] - ramp[from][c]) * (at - from));
  return [mix(0), mix(1), mix(2)];
}

/** Magenta, which is in no ramp, for what is no number. */
const NO_NUMBER: Colour = [214, 0, 147];

export function colourOf(value: number, scale: Scale): Colour {
  if (!Number.isFinite(value)) return NO_NUMBER;
  if (scale.kind === "sequential") {
    const span = scale.most - scale.least;
    return along(RAMP, span > 0 ? (value - scale.least) / span : 0.5);
  }
  const share = scale.most > 0 ? Math.abs(value) / scale.most : 0;
  return along(value < 0 ? NEGATIVE : POSITIVE, share);
}

export const cssOf = ([red, green, blue]: Colour): string => `rgb(${red} ${green} ${blue})`;

/** Black or white, whichever reads better on the colour. */
export function inkOn([red, green, blue]: Colour): string {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#14181f" : "#ffffff";
}

/** The scale that suits some numbers: around zero, as wide as the largest of them. */
export function divergingScale(...arrays: readonly ArrayLike<number>[]): Scale {
  let most = 0;
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) {
      const size = Math.abs(values[i]);
      if (size > most && size < Infinity) most = size;
    }
  }
  return { kind: "diverging", most };
}
