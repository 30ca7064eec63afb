import type { ComponentType } from "preact";

export interface Page {
  /** In the address: `#/train`. */
  readonly name: string;
  /** In the navigation and the window's title, in the current language. */
  readonly title: () => string;
  readonly Page: ComponentType;
}
