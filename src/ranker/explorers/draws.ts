/**
 * Posterior draws as voters. Draw m scores candidate k with μ + α σ Φ⁻¹(u), u from m's own seeded stream, and only the greatest of
 * them matter: so a level is set that some of each draw reach, u is compared with what reaches it, and σ and the normal quantile are worked out for
 * those alone. Where none of a draw's contenders is available any more, or none came, the level is lowered, in the end for the draw as a whole. No vote
 * depends on where levels are.
 */
import { workedOut } from '../../models/lazy-scorer.ts'
import type { Deviations } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'
import { drawn, reaching, setFloor } from './bits.ts'
import { BITS, bitsBelow, quantileOf } from './floors.ts'
import { castVote, type Scored, type Voter } from './votes.ts'

export interface Posterior {
  readonly mean: Float64Array
  readonly deviations: Deviations
  /** Scale of the deviations. */
  readonly alpha: number
  /** A draw below the mean counts as the mean. */
  readonly optimistic: boolean
}

export const allOf = (deviation: Float64Array): Deviations => ({
  most: deviation,
  of: k => deviation[k],
})

/** About so many of a draw's candidates reach a level, one after the other; the last level lets all through. */
const CONTENDERS = [8, 64]
/** Draws of so many candidates each stand in a pair of arrays. */
const SHARED = 12
/** Times as many as should reach a level are a crowd. */
const CROWD = 8

/** A level, and by candidate the bits below which a draw is below it, however unsure the candidate is. */
interface Rung {
  readonly level: number
  /** How many should reach it. */
  readonly contenders: number
  /** Raised where more is known. */
  floors: Uint32Array
  /** By candidate, 1: its floor is that of its own deviation. */
  readonly tight: Uint8Array
}

/** @param count M, the draws */
export function drawVoters(posterior: Posterior, random: Random, count: number): Voter[] {
  // a seed holds 53 bits: 32 by chance, and which draw it is
  const seeds = Array.from({ length: count }, (_, m) => m * BITS + random.uniform() * BITS)
  const draw = createDraw(posterior, count)
  const { length } = posterior.mean
  let whole: Rung | undefined
  const wholeRung = (): Rung => {
    const level = Number.NEGATIVE_INFINITY
    whole ??= { level, contenders: length, floors: new Uint32Array(length), tight: new Uint8Array(length).fill(1) }
    return whole
  }
  const rungs: Rung[] = []
  let isWorkedOut = false
  const rungAt = (contenders: number, available: Uint8Array): Rung => {
    const level = levelOf(posterior, seeds[0], available, contenders)
    return level === Number.NEGATIVE_INFINITY
      ? wholeRung()
      : { level, contenders, floors: floorsOf(posterior, level), tight: new Uint8Array(length) }
  }
  const rungOf = (depth: number, available: Uint8Array): Rung => {
    if (depth >= CONTENDERS.length) return wholeRung()
    rungs[depth] ??= rungAt(CONTENDERS[depth], available)
    return rungs[depth]
  }
  /** Levels that bounds have set so high that nobody reaches them would do the same to every other draw. */
  const setAnew = (): void => {
    if (isWorkedOut) return
    isWorkedOut = true
    workedOut(posterior.deviations)
    rungs.length = 0
  }

  return seeds.map(seed => {
    let depth = 0
    let kept: Scored | undefined
    let level = Number.NEGATIVE_INFINITY
    return (available, out) => {
      for (; depth <= CONTENDERS.length; depth++) {
        if (!kept) {
          const rung = rungOf(depth, available)
          kept = draw(seed, rung.floors)
          level = rung.level
          tighten(rung, posterior, kept)
          if (rung === whole) setAnew()
        }
        if (castVote(kept, available, out, level)) return
        kept = undefined
      }
    }
  })
}

/** The candidates whose bits are at least their floor, with their draws. Many draws share a pair of arrays: one each would cost
 * more than the draws of a few candidates. */
function createDraw(posterior: Posterior, count: number) {
  const room = count * Math.min(posterior.mean.length, SHARED)
  const scoreOf = exact(posterior)
  let candidates = new Int32Array(room)
  let scores = new Float64Array(room)
  let to = 0
  return (seed: number, floors: Uint32Array): Scored => {
    const reached = reaching(seed, floors)
    if (to + reached.count > candidates.length) {
      candidates = new Int32Array(Math.max(room, reached.count))
      scores = new Float64Array(candidates.length)
      to = 0
    }
    const from = to
    for (let i = 0; i < reached.count; i++) {
      candidates[to] = reached.candidates[i]
      scores[to++] = scoreOf(reached.candidates[i], reached.bits[i])
    }
    return { candidates, scores, from, to }
  }
}

/** What a candidate scores by its bits. */
const exact =
  ({ mean, deviations, alpha, optimistic }: Posterior) =>
  (k: number, bits: number): number =>
    optimistic && bits < BITS / 2 ? mean[k] : mean[k] + alpha * deviations.of(k) * quantileOf(bits)

/** The greatest so far, the least of them first. */
const greatest = new Float64Array(Math.max(...CONTENDERS))

/** What so many of the available reach in a draw, about: a whole draw at the price of a few exact ones. -Infinity: there are no more than that. */
function levelOf(posterior: Posterior, seed: number, available: Uint8Array, contenders: number): number {
  const { mean, deviations, alpha, optimistic } = posterior
  const { most } = deviations
  const { bits } = drawn(seed, mean.length)
  greatest.fill(Number.NEGATIVE_INFINITY, 0, contenders)
  let count = 0
  for (let k = 0; k < mean.length; k++) {
    if (available[k] === 0) continue
    count++
    const score =
      optimistic && bits[k] < BITS / 2 ? mean[k] : mean[k] + alpha * most[k] * ROUGH[bits[k] >>> ROUGH_SHIFT]
    if (!(score > greatest[0])) continue
    let place = 1
    for (; place < contenders && greatest[place] < score; place++) greatest[place - 1] = greatest[place]
    greatest[place - 1] = score
  }
  return count > contenders ? greatest[0] : Number.NEGATIVE_INFINITY
}

/** Quantiles at as many places of a draw, each alike. */
const ROUGH = Float64Array.from({ length: 4096 }, (_, i) => quantileOf((BITS / 4096) * (i + 0.5)))
const ROUGH_SHIFT = Math.log2(BITS / ROUGH.length)

/** Bits below which a candidate's draw is below the level, however unsure it is; a little less than that, never more. */
function floorsOf(posterior: Posterior, level: number): Uint32Array {
  const { mean, deviations } = posterior
  const { most } = deviations
  const floors = new Uint32Array(mean.length)
  for (let k = 0; k < floors.length; k++) {
    // items that nothing is known of come in crowds, and are all alike
    const isAlike = k > 0 && mean[k] === mean[k - 1] && most[k] === most[k - 1]
    floors[k] = isAlike ? floors[k - 1] : floorAt(posterior, level, k)
  }
  return floors
}

const floorAt = ({ mean, deviations: { most }, alpha }: Posterior, level: number, k: number): number =>
  mean[k] < level ? bitsBelow((level - mean[k]) / (alpha * most[k])) : 0

/** Of candidates that have reached the level once the deviation is known: what it is too narrow for does not come again. A crowd says that the bounds
 * are no use here, so all are worked out. */
function tighten(rung: Rung, posterior: Posterior, { candidates, from, to }: Scored): void {
  const { level, contenders, floors, tight } = rung
  let fresh = 0
  for (let i = from; i < to; i++) {
    const k = candidates[i]
    if (tight[k] === 1) continue
    tight[k] = 1
    fresh++
    const floor = floorAt(posterior, level, k)
    if (floor > floors[k]) setFloor(floors, k, floor)
  }
  if (fresh <= CROWD * contenders) return
  workedOut(posterior.deviations)
  rung.floors = floorsOf(posterior, level)
  tight.fill(1)
}
