/** `--augment flip,crop:4,cutout:8,color:0.2`: text to settings and back. */
import { type Augmentation, OptionError, unknownName } from "../index.js";

/** What a name alone means. */
const DEFAULTS = { crop: 4, flip: true, color: 0.2, cutout: 8 } as const;
const NAMES = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];

/** A parser for commander. @throws OptionError naming the nearest augmentation */
export function parseAugment(text: string): Augmentation {
  const settings: Partial<Record<keyof Augmentation, number | boolean>> = {};
  for (const part of text.split(",")) {
    const [given, value, ...rest] = part.trim().split(":");
    const name = NAMES.find((known) => known === given);
    if (!name) throw new OptionError(`--augment: ${unknownName("augmentation", given, NAMES)}`);
    if (name in settings) throw new OptionError(`--augment names ${name} twice.`);
    if (value === undefined) {
      settings[name] = DEFAULTS[name];
      continue;
    }
    const number = Number(value);
    if (name === "flip" || rest.length > 0 || value.trim() === "" || !Number.isFinite(number)) {
      const rule = name === "flip" ? "flip, which takes no number" : `${name} or ${name}:<number>`;
      throw new OptionError(`--augment must name ${rule}; got ${JSON.stringify(part.trim())}.`);
    }
    settings[name] = number;
  }
  return settings as Augmentation;
}

/** In one order, whatever the user's was: what run.json remembers. */
export function augmentText(settings: Augmentation): string {
  return NAMES.filter((name) => settings[name])
    .map((name) => (name === "flip" ? name : `${name}:${settings[name]}`))
    .join(",");
}
