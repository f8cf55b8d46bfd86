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
import type { Scorer } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'
import type { Explorer } from './explorer.ts'
import type { ConfigOf } from './schema.ts'
import { votesOf } from './votes.ts'

export const thompson = ({ draws, epsilon, alpha, optimistic, sharpness }: ConfigOf<'thompson'>): Explorer => ({
  name: 'thompson',
  parameters: () => ({ draws, epsilon, alpha, optimistic: optimistic ? 1 : 0, sharpness }),
  propensityKind: () => 'exact',
  open(scorer, random) {
    const rows = takeDraws(scorer, random, draws, alpha)
    if (optimistic) raise(rows, scorer.mean)
    return votesOf(rows, scorer.mean.length, { epsilon, sharpness })
  },
})

/** Draws x candidates, row-major. */
function takeDraws(scorer: Scorer, random: Random, draws: number, alpha: number): Float64Array {
  const count = scorer.mean.length
  const matrix = new Float64Array(draws * count)
  for (let offset = 0; offset < matrix.length; offset += count) {
    const row = matrix.subarray(offset, offset + count)
    if (scorer.draw) scorer.draw(random, alpha, row)
    else independent(scorer, random, alpha, row)
  }
  return matrix
}

/** Every draw is at least the mean. */
function raise(rows: Float64Array, mean: Float64Array): void {
  for (let offset = 0; offset < rows.length; offset += mean.length)
    for (let i = 0; i < mean.length; i++) if (rows[offset + i] < mean[i]) rows[offset + i] = mean[i]
}

/** Candidates with independent posteriors: mean + alpha · deviation · normal. */
function independent({ mean, deviation }: Scorer, random: Random, alpha: number, out: Float64Array): void {
  for (let i = 0; i < out.length; i++) out[i] = mean[i] + alpha * deviation![i] * random.normal()
}
