/** Just enough statistics for tests of probabilities. */

export interface Cell {
  readonly observed: number
  readonly expected: number
}

/** Pearson's chi-square as a standard normal z (Wilson & Hilferty 1931): p > 1e-4 is z < 3.719. Cells with an expected
 * count under 5 are pooled. */
export function chiSquareZ(cells: readonly Cell[]): number {
  const pooled = cells.filter(cell => cell.expected >= 5)
  const small = cells.filter(cell => cell.expected < 5)
  const rest = { observed: sum(small, cell => cell.observed), expected: sum(small, cell => cell.expected) }
  if (rest.expected >= 5) pooled.push(rest)
  const statistic = sum(pooled, ({ observed, expected }) => (observed - expected) ** 2 / expected)
  const degrees = pooled.length - 1
  if (degrees < 1) return statistic > 1e-6 ? Number.POSITIVE_INFINITY : 0
  const spread = 2 / (9 * degrees)
  return ((statistic / degrees) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread)
}

export const chiSquareBound = 3.719

/** Mean and its standard error. */
export function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = sum(values, value => value) / values.length
  const variance = sum(values, value => (value - mean) ** 2) / (values.length - 1)
  return { mean, error: Math.sqrt(variance / values.length) }
}

export const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0)
