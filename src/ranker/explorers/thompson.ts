/**
 * Thompson sampling as a logged mixture. One posterior draw would choose by a probability that nobody can write down. So M
 * seeded draws are taken, each candidate's share of draws in which it is the best is p̂, and the action is sampled from
 * (1 - ε)·p̂^κ / Σ p̂^κ + ε / n: with κ = 1 this is on average over seeds Thompson sampling (Thompson 1933) with an ε floor,
 * and given the seed its propensities are exact for any κ. Later slots take the best of what is left in the SAME draws.
 * - `optimistic`: a draw below the mean counts as the mean, so that the best is never played less for being uncertain (optimistic
 *   Bayesian sampling: May, Korda, Lee & Leslie, JMLR 2012).
 * - `sharpness` κ: many candidates that are each seldom the best take a large share together, for little knowledge. κ = 2 asks two
 *   independent draws to agree, which leaves the contenders.
 */
import { allOf, drawVoters } from './draws.ts'
import type { Explorer } from './explorer.ts'
import type { ConfigOf } from './schema.ts'
import { votesOf } from './votes.ts'

export const thompson = ({ draws, epsilon, alpha, optimistic, sharpness }: ConfigOf<'thompson'>): Explorer => ({
  name: 'thompson',
  parameters: () => ({ draws, epsilon, alpha, optimistic: optimistic ? 1 : 0, sharpness }),
  propensityKind: () => 'exact',
  open(scorer, random) {
    const deviations = scorer.deviations ?? allOf(scorer.deviation!)
    const posterior = { mean: scorer.mean, deviations, alpha, optimistic }
    return votesOf(drawVoters(posterior, random, draws), { epsilon, sharpness })
  },
})
