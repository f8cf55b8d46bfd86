/** Huber's loss (1964): ½ δ² up to |δ| = κ, from there on a line, so that no error pulls harder than κ. */
export const huber = (error: number, limit: number): number =>
  Math.abs(error) <= limit ? 0.5 * error * error : limit * (Math.abs(error) - 0.5 * limit)

export const huberGradient = (error: number, limit: number): number => Math.max(-limit, Math.min(limit, error))
