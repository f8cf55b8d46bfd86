/** What importance weights π(a)/μ(a) of a batch tell, for metrics: how far the policy is from who decided. */
import type { LearnerStatistic } from '../statistics.ts'

const weightStatistics = [
  'importance',
  'importance_weight_p99',
  'importance_weight_max',
  'clipped',
  'effective_sample_size',
  'kl',
] as const satisfies readonly LearnerStatistic[]

type WeightStats = Record<(typeof weightStatistics)[number], number>

/** @param ratios π/μ before any cap, one or more */
export const importanceStats = (ratios: Float64Array, cap: number): WeightStats =>
  boundedStats(
    ratios,
    ratios.map(ratio => Math.min(ratio, cap)),
  )

/** @param ratios π/μ, one or more @param weights what the learner makes of each: another number where its bound cut */
export function boundedStats(ratios: Float64Array, weights: Float64Array): WeightStats {
  let [sum, clipped, squares, divergence] = [0, 0, 0, 0]
  ratios.forEach((ratio, b) => {
    const weight = weights[b]
    sum += weight
    squares += weight * weight
    if (weight !== ratio) clipped++
    divergence += kl(ratio)
  })
  const count = ratios.length
  const sorted = ratios.slice().sort()
  return {
    importance: sum / count,
    importance_weight_p99: sorted[Math.ceil(0.99 * count) - 1],
    importance_weight_max: sorted[count - 1],
    clipped: clipped / count,
    // (Σw)² / Σw² of the bounded weights (Kish 1965), as a share of the batch
    effective_sample_size: squares > 0 ? sum ** 2 / (squares * count) : 0,
    kl: divergence / count,
  }
}

/** One draw's estimate of KL(μ ‖ π), from a ~ μ: r − 1 − log r, unbiased and never negative (Schulman 2020,
 * "Approximating KL divergence", k3). */
export const kl = (ratio: number): number => ratio - 1 - Math.log(Math.max(ratio, Number.MIN_VALUE))
