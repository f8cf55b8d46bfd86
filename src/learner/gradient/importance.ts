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

/** @param ratios π/μ before any cap, one or more */
export function importanceStats(ratios: Float64Array, cap: number): Record<(typeof weightStatistics)[number], number> {
  let [capped, clipped, squares, divergence] = [0, 0, 0, 0]
  for (const ratio of ratios) {
    const weight = Math.min(ratio, cap)
    capped += weight
    squares += weight * weight
    if (ratio > cap) clipped++
    divergence += kl(ratio)
  }
  const count = ratios.length
  const sorted = ratios.slice().sort()
  return {
    importance: capped / count,
    importance_weight_p99: sorted[Math.ceil(0.99 * count) - 1],
    importance_weight_max: sorted[count - 1],
    clipped: clipped / count,
    // (Σw)² / Σw² of the capped weights (Kish 1965), as a share of the batch
    effective_sample_size: squares > 0 ? capped ** 2 / (squares * count) : 0,
    kl: divergence / count,
  }
}

/** One draw's estimate of KL(μ ‖ π), from a ~ μ: r − 1 − log r, unbiased and never negative (Schulman 2020,
 * "Approximating KL divergence", k3). */
export const kl = (ratio: number): number => ratio - 1 - Math.log(Math.max(ratio, Number.MIN_VALUE))
