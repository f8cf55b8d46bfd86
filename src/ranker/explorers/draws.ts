/**
 * Posterior draws as voters. Draw m scores candidate k with μ + σ Φ⁻¹(u), u from m's own seeded stream, and only the greatest of
 * them matter: so a level is set that some tens of each draw reach, u is compared with what reaches it, and the normal quantile is worked out for those alone. A
 * draw none of whose contenders is available any more is worked out whole. No vote depends on where the level is.
 */
import { normalQuantile } from '../../state/normal.ts'
import type { Random } from '../../state/random.ts'
import { eachReaching } from './bits.ts'
import { castVote, type Scored, type Voter } from './votes.ts'

export interface Posterior {
  readonly mean: Float64Array
  /** Standard deviation of the draws. */
  readonly deviation: Float64Array
  /** A draw below the mean counts as the mean. */
  readonly optimistic: boolean
}

/** So many of a draw's candidates reach the level, about. */
const CONTENDERS = 16
const BITS = 2 ** 32

/** @param count M, the draws */
export function drawVoters(posterior: Posterior, random: Random, count: number): Voter[] {
  // a seed holds 53 bits: 32 by chance, and which draw it is
  const seeds = Array.from({ length: count }, (_, m) => m * BITS + random.uniform() * BITS)
  const draw = createDraw(posterior, count)
  const whole = new Uint32Array(posterior.mean.length)
  let level = Number.NaN
  let floors: Uint32Array = whole
  const begin = (available: Uint8Array): void => {
    level = levelOf(draw(seeds[0], whole, roughQuantile), available)
    if (level > Number.NEGATIVE_INFINITY) floors = floorsOf(posterior, level)
  }
  return seeds.map(seed => {
    let kept: Scored | undefined
    let least = Number.NEGATIVE_INFINITY
    return (available, out) => {
      if (Number.isNaN(level)) begin(available)
      if (!kept) {
        kept = draw(seed, floors)
        least = level
      }
      if (castVote(kept, available, out, least)) return
      kept = draw(seed, whole)
      least = Number.NEGATIVE_INFINITY
      castVote(kept, available, out)
    }
  })
}

/** The candidates whose bits are at least their floor, with their draws. Many draws share a pair of arrays: one each would cost
 * more than the draws of a few candidates. */
function createDraw({ mean, deviation, optimistic }: Posterior, count: number) {
  const room = mean.length + count * Math.min(mean.length, 2 * CONTENDERS)
  let candidates = new Int32Array(room)
  let scores = new Float64Array(room)
  let to = 0
  let quantile = exactQuantile
  const keep = (k: number, bits: number): void => {
    candidates[to] = k
    scores[to++] = optimistic && bits < BITS / 2 ? mean[k] : mean[k] + deviation[k] * quantile(bits)
  }
  return (seed: number, floors: Uint32Array, how = exactQuantile): Scored => {
    quantile = how
    if (to + mean.length > room) {
      candidates = new Int32Array(room)
      scores = new Float64Array(room)
      to = 0
    }
    const from = to
    eachReaching(seed, floors, keep)
    return { candidates, scores, from, to }
  }
}

/** What so many of the available reach in a draw; -Infinity: there are no more than that. */
function levelOf({ candidates, scores, from, to }: Scored, available: Uint8Array): number {
  // the greatest so far, the least of them first
  const greatest = new Float64Array(CONTENDERS).fill(Number.NEGATIVE_INFINITY)
  let count = 0
  for (let i = from; i < to; i++) {
    if (available[candidates[i]] === 0) continue
    count++
    if (scores[i] <= greatest[0]) continue
    let place = 1
    for (; place < CONTENDERS && greatest[place] < scores[i]; place++) greatest[place - 1] = greatest[place]
    greatest[place - 1] = scores[i]
  }
  return count > CONTENDERS ? greatest[0] : Number.NEGATIVE_INFINITY
}

/** Quantiles of the normal at multiples of 1/4096, from 0 on. */
const EDGES = Float64Array.from({ length: 4096 }, (_, i) =>
  i === 0 ? Number.NEGATIVE_INFINITY : normalQuantile(i / 4096),
)

const exactQuantile = (bits: number): number => normalQuantile((bits + 0.5) / BITS)
/** Good enough to set a level by, for a whole draw at the price of a few exact ones. */
const roughQuantile = (bits: number): number => EDGES[Math.max(1, Math.floor(bits / (BITS / EDGES.length)))]

/** Bits below which a candidate's draw is below the level; a little less than that, never more. */
function floorsOf({ mean, deviation, optimistic }: Posterior, level: number): Uint32Array {
  const floors = new Uint32Array(mean.length)
  for (let k = 0; k < floors.length; k++) {
    const isCertain = mean[k] >= level && (optimistic || deviation[k] === 0)
    if (!isCertain) floors[k] = (BITS / EDGES.length) * edgeBelow((level - mean[k]) / deviation[k])
  }
  return floors
}

/** Index of the last edge that is at most z. */
function edgeBelow(z: number): number {
  let low = 0
  for (let step = EDGES.length / 2; step >= 1; step /= 2) if (EDGES[low + step] <= z) low += step
  return low
}
