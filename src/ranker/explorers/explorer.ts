/**
 * An explorer turns scores into probabilities. It does not choose: the slate sampler (src/ranker/slate.ts) draws from the
 * very numbers that are logged, slot by slot, so that propensities are exact by construction. An explorer may use chance
 * only in `open`; `conditional` is then a fixed function of what is still available.
 */
import type { PropensityKind } from '../../../schemas/records.ts'
import type { Learned, Scorer } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'
import type { ExplorerName } from './schema.ts'

export interface Exploration {
  /** Probability of each candidate for the next slot given the ones that are left, into `out`: 0 where `available` is 0,
   * summing to 1. At least one candidate must be available. */
  conditional(available: Uint8Array, out: Float64Array): void
}

/** An explorer with its settings. */
export interface Explorer {
  readonly name: ExplorerName
  propensityKind(learned: Learned | undefined): PropensityKind
  /** What the decision record logs: the settings, and what a schedule made of the model's n. */
  parameters(learned: Learned | undefined): Readonly<Record<string, number>>
  /** @param learned what the version that scored contains; absent: it does not say, and schedules are over */
  open(scorer: Scorer, random: Random, learned?: Learned): Exploration
}

export function countAvailable(available: Uint8Array): number {
  let count = 0
  for (let i = 0; i < available.length; i++) count += available[i]
  return count
}

/** Index of the largest available score, the first of equals; `offset` skips to a row of a matrix. */
export function argmax(scores: Float64Array, available: Uint8Array, offset = 0): number {
  let best = -1
  let bestScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < available.length; i++) {
    const score = scores[offset + i]
    if (available[i] === 1 && (best < 0 || score > bestScore)) {
      best = i
      bestScore = score
    }
  }
  return best
}

/** out <- (1 - epsilon)·out + epsilon / |available| on the available. */
export function mixUniform(available: Uint8Array, out: Float64Array, epsilon: number): void {
  const floor = epsilon / countAvailable(available)
  for (let i = 0; i < available.length; i++) out[i] = available[i] === 1 ? (1 - epsilon) * out[i] + floor : 0
}

/** All on the best available of `scores`, under a uniform share epsilon. */
export const greedyOn = (scores: Float64Array, epsilon: number): Exploration => ({
  conditional(available, out) {
    out.fill(0)
    out[argmax(scores, available)] = 1
    mixUniform(available, out, epsilon)
  },
})

/** Propensities of a choice of the best with a floor: without one they say nothing about other actions. */
export const kindWithFloor = (epsilon: number): PropensityKind => (epsilon > 0 ? 'exact' : 'deterministic')
