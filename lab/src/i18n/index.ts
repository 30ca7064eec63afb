/** English and Chinese. A page keeps its own words beside it; a key that one language lacks does not compile. */
import { computed, effect, signal } from "@preact/signals";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = "cbapd-lab-language";

function firstLanguage(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(firstLanguage());
export const locale = computed(() => (language.value === "zh" ? "zh-CN" : "en-US"));

effect(() => {
  document.documentElement.lang = locale.value;
  localStorage.setItem(STORED, language.value);
});

type Words = Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, string | number>>;

/**
 * const t = dictionary({ steps: "{n} steps" }, { steps: "{n} 步" });    t("steps", { n: 3 })
 * Reading it in a component draws the component again when the language changes.
 */
export function dictionary<const English extends Words>(
  en: English,
  zh: { readonly [Key in keyof English]: string },
): (key: keyof English, values?: Values) => string {
  return (key, values = {}) => {
    const words: string = (language.value === "zh" ? zh : en)[key];
    return words.replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
  };
}
