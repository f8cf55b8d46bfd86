/**
 * Online cover (Agarwal et al. 2014; Bietti et al. 2018, algorithm 4): N policies one after the other, each the best by estimated
 * reward plus a bonus for what those before it leave uncovered,
 *   π_i = argmax_a ŷ(a) + ψ s μ / (μ + (1 - K μ) q_i(a)),   q_i(a) the share of π_1 … π_{i-1} that choose a,
 * with μ = min(1 / K, 1 / √(K (n + 1))) and s the unit of the rewards; the action is drawn from the shares of all N under a
 * floor ε. There each π_i is a classifier that is taught estimated costs with this bonus in them. Here the estimate is the model's
 * regression (the direct method), and the bonus, a known function of the decision, is taken as it is instead of being
 * regressed: no policies are kept beside the model, and the shares are a function of the scores and n.
 * K and the shares are of what is left, slot by slot.
 */
import type { Learned } from '../../models/policy.ts'
import { countAvailable, type Explorer, mixUniform } from './explorer.ts'
import type { ConfigOf } from './schema.ts'

export const cover = ({ policies, psi, epsilon }: ConfigOf<'cover'>): Explorer => ({
  name: 'cover',
  parameters: learned => ({ policies, bonus: psi * unitOf(learned), decisions: learned?.decisions ?? 0, epsilon }),
  propensityKind: () => 'exact',
  open({ mean }, _random, learned) {
    const bonus = psi * unitOf(learned)
    return {
      conditional(available, out) {
        const count = countAvailable(available)
        const mu = Math.min(1 / count, 1 / Math.sqrt(count * ((learned?.decisions ?? 0) + 1)))
        chooseInTurn(mean, available, { policies, bonus, mu, count }, out)
        mixUniform(available, out, epsilon)
      },
    }
  },
})

const unitOf = (learned: Learned | undefined): number => learned?.rewardScale ?? 1

interface Cover {
  readonly policies: number
  /** ψ s. */
  readonly bonus: number
  /** μ. */
  readonly mu: number
  /** K. */
  readonly count: number
}

/** Shares of the policies, into `out`. */
function chooseInTurn(mean: Float64Array, available: Uint8Array, cover: Cover, out: Float64Array): void {
  const { policies, bonus, mu, count } = cover
  out.fill(0)
  for (let before = 0; before < policies; before++) {
    let best = -1
    let bestScore = Number.NEGATIVE_INFINITY
    for (let a = 0; a < mean.length; a++) {
      if (available[a] === 0) continue
      const covered = before === 0 ? 0 : out[a] / before
      const score = mean[a] + (bonus * mu) / (mu + (1 - count * mu) * covered)
      if (best < 0 || score > bestScore) {
        best = a
        bestScore = score
      }
    }
    out[best]++
  }
  for (let a = 0; a < out.length; a++) out[a] /= policies
}
