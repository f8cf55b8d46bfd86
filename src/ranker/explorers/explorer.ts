/**
 * An explorer turns scores into probabilities. It does not choose: the slate sampler (src/ranker/slate.ts) draws from the
 * very numbers that are logged, slot by slot, so that propensities are exact by construction. An explorer may use chance
 * only in `open`; `conditional` is then a fixed function of what is still available.
 */
import type { PropensityKind } from '../../../schemas/records.ts'
import type { ExplorerConfig } from '../../config.ts'
import type { Scorer } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'

export interface Exploration {
  /** Probability of each candidate for the next slot given the ones that are left, into `out`: 0 where `available` is 0,
   * summing to 1. At least one candidate must be available. */
  conditional(available: Uint8Array, out: Float64Array): void
}

export interface Explorer {
  readonly name: ExplorerConfig['name']
  /** Needs `deviation` or `draw` of the scorer; the configuration refuses it for an algorithm that has neither. */
  readonly needsPosterior: boolean
  /** The settings that matter to it: what the decision record logs. */
  parameters(config: ExplorerConfig): Readonly<Record<string, number>>
  propensityKind(config: ExplorerConfig): PropensityKind
  open(scorer: Scorer, random: Random, config: ExplorerConfig): Exploration
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
