/** How numbers are written, everywhere alike. It rounds for the eye and computes nothing. */
import { locale } from "../i18n/index.js";

const MINUS = "−";

/** Significant digits; very small and very large ones as 1.23e−7. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text =
    size < 1e-4 || size >= 10 ** Math.max(digits, 6)
      ? value.toExponential(digits - 1)
      : value.toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1));
  return text.replaceAll("-", MINUS);
}

/** For the cells of a grid: as short as can be. */
export function formatCell(value: number): string {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
  return text.replace(/^(-?)0\./, "$1.").replace("-", MINUS);
}

/** 62,006 */
export function formatCount(value: number): string {
  return value.toLocaleString(locale.value);
}

/** 41.3 % */
export function formatShare(value: number): string {
  return value.toLocaleString(locale.value, { style: "percent", minimumFractionDigits: 1 });
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

export function formatBytes(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  const value = bytes / 1024 ** unit;
  return `${value.toLocaleString(locale.value, { maximumFractionDigits: value < 10 ? 1 : 0 })} ${UNITS[unit]}`;
}

/** 32×32×3 */
export function formatShape(shape: readonly number[]): string {
  return shape.join("×");
}
