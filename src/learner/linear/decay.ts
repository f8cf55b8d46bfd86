/**
 * Forgetting by decision time. A contribution of time t has weight 2^((t - now) / halfLife). Sums hold it relative to a
 * reference time instead of now, 2^((t - reference) / halfLife), so that adding needs no touch of older sums and the
 * order of arrival does not matter; reading scales by 2^((reference - now) / halfLife), with now the newest decision.
 * When the exponent grows the reference moves by whole half-lives: a power of two, which rounds nothing.
 */

/** What is left of the weight of all decisions when the world has changed. */
const FORGET = 1 / 64
/** Changes kept. */
const CHANGES = 64
/** Half-lives between reference and newest decision beyond which the reference moves. */
const REBASE_AFTER = 64
/** Reading times are rounded up to this part of a half-life, so that factors stay usable from version to version. */
const READ_STEPS = 32

export interface DecayClock {
  readonly halfLifeMs: number
  referenceMs: number
  /** Newest decision time learned, ms; -1: none. */
  newestMs: number
  /** Newest decision times when the world was found changed, ms, in order: what was decided until then counts FORGET of that. */
  readonly changedMs: number[]
}

/** Weight of a decision of this time in the sums. */
export const weightAt = (clock: DecayClock, timeMs: number): number =>
  (clock.halfLifeMs === 0 ? 1 : 2 ** ((timeMs - clock.referenceMs) / clock.halfLifeMs)) *
  FORGET ** changesSince(clock, timeMs)

function changesSince({ changedMs }: DecayClock, timeMs: number): number {
  let count = 0
  while (count < changedMs.length && timeMs <= changedMs[changedMs.length - 1 - count]) count++
  return count
}

/** Notes that the world has changed by now. @returns the power of two that all sums must be multiplied by at once */
export function forget(clock: DecayClock): number {
  clock.changedMs.push(clock.newestMs)
  // what is older than so many changes has no weight left to tell apart
  if (clock.changedMs.length > CHANGES) clock.changedMs.shift()
  return FORGET
}

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
