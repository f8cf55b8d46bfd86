/**
 * SquareCB: inverse gap weighting (Foster & Rakhlin 2020, algorithm 1, with μ = K; Abe & Long 1999). With b the best of the K
 * that are left, p_a = 1 / (K + γ (ŷ_b - ŷ_a)) for a ≠ b, and b has the rest, which is at least 1 / K. No floor is needed: all
 * are positive. γ is for rewards in a range of 1, so gaps are measured in the reward's span; it grows as the regression's
 * error falls.
 */
import type { Learned } from '../../models/policy.ts'
import { argmax, countAvailable, type Explorer } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

export function squarecb({ gamma, exponent, rewardSpan }: ConfigOf<'squarecb'>): Explorer {
  /** γ in units of the scores. */
  const at = (learned: Learned | undefined): number =>
    (gamma * ((learned?.decisions ?? 0) + 1) ** exponent) / (rewardSpan ?? learned?.rewardScale ?? 1)
  return {
    name: 'squarecb',
    parameters: learned => ({ gamma: at(learned) }),
    propensityKind: () => 'exact',
    open({ mean }, _random, learned) {
      const scaled = at(learned)
      return { conditional: (available, out) => weighGaps(mean, scaled, available, out) }
    },
  }
}

function weighGaps(mean: Float64Array, gamma: number, available: Uint8Array, out: Float64Array): void {
  const count = countAvailable(available)
  const best = argmax(mean, available)
  let rest = 1
  for (let i = 0; i < mean.length; i++) {
    out[i] = available[i] === 1 && i !== best ? 1 / (count + gamma * (mean[best] - mean[i])) : 0
    rest -= out[i]
  }
  out[best] = rest
}
