/**
 * Thompson sampling as a logged mixture. One posterior draw would choose by a probability that nobody can write down. So M
 * seeded draws are taken, each candidate's share of draws in which it is the best is p̂, and the action is sampled from
 * (1 - ε)·p̂ + ε / n: on average over seeds this is Thompson sampling (Thompson 1933) with an ε floor, and given the seed
 * its propensities are exact. Later slots take the best of what is left in the SAME draws.
 */
import type { Scorer } from '../../models/policy.ts'
import type { Random } from '../../state/random.ts'
import type { Explorer } from './explorer.ts'
import type { ConfigOf } from './schema.ts'
import { votesOf } from './votes.ts'

export const thompson = ({ draws, epsilon, alpha }: ConfigOf<'thompson'>): Explorer => ({
  name: 'thompson',
  parameters: () => ({ draws, epsilon, alpha }),
  propensityKind: () => 'exact',
  open: (scorer, random) => votesOf(takeDraws(scorer, random, draws, alpha), scorer.mean.length, epsilon),
})

/** Draws x candidates, row-major. */
function takeDraws(scorer: Scorer, random: Random, draws: number, alpha: number): Float64Array {
  const count = scorer.mean.length
  const matrix = new Float64Array(draws * count)
  const row = new Float64Array(count)
  for (let offset = 0; offset < matrix.length; offset += count) {
    if (scorer.draw) scorer.draw(random, alpha, row)
    else independent(scorer, random, alpha, row)
    matrix.set(row, offset)
  }
  return matrix
}

/** Candidates with independent posteriors: mean + alpha · deviation · normal. */
function independent({ mean, deviation }: Scorer, random: Random, alpha: number, out: Float64Array): void {
  for (let i = 0; i < out.length; i++) out[i] = mean[i] + alpha * deviation![i] * random.normal()
}
