export interface Change {
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}
export function changesOf(source: string): Change[];
export function applyChange(source: string, change: Change): string;
export function showChange(source: string, change: Change): { line: number; change: string; context: string };
