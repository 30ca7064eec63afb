export function sample<Mutant extends { readonly file: string; readonly operator: string }>(
  mutants: readonly Mutant[],
  count: number,
  seed: number,
): Mutant[];
