/** Formulas as MathML: what browsers and screen readers know by themselves. Each builder is one element. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatNumber } from "./numbers.js";

export type Formula = JSX.Element | string | readonly Formula[];

const show = (formula: Formula): ComponentChildren => {
  if (typeof formula === "string") return symbol(formula);
  return Array.isArray(formula) ? <mrow>{formula.map((part) => show(part))}</mrow> : (formula as JSX.Element);
};

const OPERATORS = /^[=+−·×/()[\]{}⌈⌉⌊⌋,→<>≥≤∈∂Σ|…⊙√-]+$/u;

/** A text of symbols by blanks: "y = x · w": letters are names, signs are operators, the rest are numbers. */
function symbol(text: string): JSX.Element {
  const parts = text.split(" ").filter((part) => part !== "");
  const shown = parts.map((part) => {
    if (OPERATORS.test(part)) return <mo>{part}</mo>;
    return /^[−\d]/.test(part) ? <mn>{part}</mn> : <mi>{part}</mi>;
  });
  return shown.length === 1 ? shown[0] : <mrow>{shown}</mrow>;
}

export const fraction = (above: Formula, below: Formula): Formula => (
  <mfrac>
    {show(above)}
    {show(below)}
  </mfrac>
);
export const sub = (base: Formula, index: Formula): Formula => (
  <msub>
    {show(base)}
    {show(index)}
  </msub>
);
export const sup = (base: Formula, exponent: Formula): Formula => (
  <msup>
    {show(base)}
    {show(exponent)}
  </msup>
);
export const hat = (base: Formula): Formula => (
  <mover accent>
    {show(base)}
    <mo>^</mo>
  </mover>
);
export const root = (inner: Formula): Formula => <msqrt>{show(inner)}</msqrt>;
export const sum = (over: Formula): Formula => (
  <munder>
    <mo>Σ</mo>
    {show(over)}
  </munder>
);
/** A number as everywhere else in the lab; negative ones within a product in brackets. */
export const number = (value: number, digits = 6): Formula => <mn>{formatNumber(value, digits)}</mn>;
export const signed = (value: number, digits = 6): Formula =>
  value < 0 ? ["(", number(value, digits), ")"] : number(value, digits);

/** One formula on a line of its own; one that is too wide can be scrolled by keyboard. */
export function MathLine({ children }: { readonly children: Formula }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const { scrollWidth, clientWidth } = box.current!;
    if (scrollWidth > clientWidth) box.current!.tabIndex = 0;
    else box.current!.removeAttribute("tabindex");
  });
  return (
    <div class="formula" ref={box}>
      <math display="block">{show(children)}</math>
    </div>
  );
}
