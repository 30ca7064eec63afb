interface Place {
  readonly file: string;
  readonly context: string;
  readonly change: string;
}
export function renderReport(
  results: readonly (Place & {
    readonly operator: string;
    readonly line: number;
    readonly verdict: string;
  })[],
  explanations: readonly (Place & { readonly reason: string })[],
): { text: string; share: number };
