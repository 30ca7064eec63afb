/** Dark or light: as the system says, until the switch is used. */
import { computed, effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const STORED = "cbapd-lab-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemDark = signal(system.matches);
system.addEventListener("change", ({ matches }) => {
  systemDark.value = matches;
});

const stored = localStorage.getItem(STORED);
const chosen = signal<Theme | undefined>(stored === "light" || stored === "dark" ? stored : undefined);

export const theme = computed<Theme>(() => chosen.value ?? (systemDark.value ? "dark" : "light"));

export function switchTheme(): void {
  chosen.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem(STORED, chosen.value);
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** A colour of styles/theme.css, for canvases. Reading it in a component or effect follows the theme. */
export function themeColour(name: string): string {
  void theme.value;
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
