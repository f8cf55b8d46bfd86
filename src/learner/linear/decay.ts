/**
 * Forgetting by decision time. A contribution of time t has weight 2^((t - now) / halfLife). Sums hold it relative to a
 * reference time instead of now, 2^((t - reference) / halfLife), so that adding needs no touch of older sums and the
 * order of arrival does not matter; reading scales by 2^((reference - now) / halfLife), with now the newest decision.
 * When the exponent grows the reference moves by whole half-lives: a power of two, which rounds nothing.
 */

/** Half-lives between reference and newest decision beyond which the reference moves. */
const REBASE_AFTER = 64
/** Reading times are rounded up to this part of a half-life, so that factors stay usable from version to version. */
const READ_STEPS = 32

export interface DecayClock {
  readonly halfLifeMs: number
  referenceMs: number
  /** Newest decision time learned, ms; -1: none. */
  newestMs: number
}

/** Weight of a decision of this time in the sums. */
export const weightAt = (clock: DecayClock, timeMs: number): number =>
  clock.halfLifeMs === 0 ? 1 : 2 ** ((timeMs - clock.referenceMs) / clock.halfLifeMs)

/** What the sums are multiplied by when read. */
export function readScale(clock: DecayClock): number {
  if (clock.halfLifeMs === 0 || clock.newestMs < 0) return 1
  const steps = Math.ceil(((clock.newestMs - clock.referenceMs) / clock.halfLifeMs) * READ_STEPS)
  return 2 ** (-steps / READ_STEPS)
}

/** Notes a decision time. @returns the power of two that all sums must be multiplied by at once; 1: nothing to do */
export function advance(clock: DecayClock, timeMs: number): number {
  const first = clock.newestMs < 0
  if (timeMs > clock.newestMs) clock.newestMs = timeMs
  if (clock.halfLifeMs === 0) return 1
  if (first) clock.referenceMs = timeMs
  const age = (clock.newestMs - clock.referenceMs) / clock.halfLifeMs
  if (age <= REBASE_AFTER) return 1
  const shift = Math.floor(age)
  clock.referenceMs += shift * clock.halfLifeMs
  return 2 ** -shift
}
