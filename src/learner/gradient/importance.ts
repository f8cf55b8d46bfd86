/** What importance weights π(a)/μ(a) of a batch tell, for metrics: how far the policy is from who decided. */

/** @param ratios π/μ before any cap, one or more */
export function importanceStats(ratios: Float64Array, cap: number): Record<string, number> {
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
    importance_p99: sorted[Math.ceil(0.99 * count) - 1],
    importance_max: sorted[count - 1],
    clipped_share: clipped / count,
    // (Σw)² / Σw² of the capped weights (Kish 1965), as a share of the batch
    effective_sample_share: squares > 0 ? capped ** 2 / (squares * count) : 0,
    kl: divergence / count,
  }
}

/** One draw's estimate of KL(μ ‖ π), from a ~ μ: r − 1 − log r, unbiased and never negative (Schulman 2020,
 * "Approximating KL divergence", k3). */
export const kl = (ratio: number): number => ratio - 1 - Math.log(Math.max(ratio, Number.MIN_VALUE))
