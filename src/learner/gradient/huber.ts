/**
 * Huber's loss (1964): ½ δ² up to |δ| = κ, from there on a line, so that no error pulls harder than κ. It then fits less than the
 * mean: of rare large errors, an end of the session where a value was expected, a part only counts, and what bootstraps on
 * it runs away (docs/learning.md). κ = 0: squared throughout.
 */
export function huber(error: number, limit: number): number {
  const size = Math.abs(error)
  return limit === 0 || size <= limit ? 0.5 * error * error : limit * (size - 0.5 * limit)
}

export const huberGradient = (error: number, limit: number): number =>
  limit === 0 ? error : Math.max(-limit, Math.min(limit, error))
