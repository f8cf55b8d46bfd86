/**
 * The learning statistics that are shown as metrics, by name: a closed list, so that a learner cannot make series without
 * end. A learner gives those that it has (`LearnStats.stats`).
 */
export const learnerStatistics = {
  // terms of the loss
  loss: 'The whole loss of the last update.',
  policy_loss: "The policy's term.",
  value_loss: "The value's term.",
  entropy_loss: "The entropy's term.",
  imitation_loss: 'Cross-entropy of the logged choices.',
  td_loss: 'Temporal-difference term (value-based learners).',
  // size and direction of an update
  gradient_norm: 'Norm of the gradient, before it is clipped.',
  kl: 'Estimated KL divergence of the behaviour that was logged from the policy, nats (Schulman 2020, k3).',
  entropy: 'Mean entropy of the policy on the batch, nats.',
  clipped: 'Share of the importance weights that a bound cut.',
  advantage: 'Mean advantage.',
  td_error: 'Root mean square of temporal-difference errors.',
  explained_variance: "Share of the returns' variance that the value explains.",
  // importance weights
  importance: 'Mean importance weight, bounded as the learner bounds it.',
  importance_weight_p99: '99th percentile of the importance weights, without bound.',
  importance_weight_max: 'The largest of them.',
  effective_sample_size: 'Share of the batch that its weights are worth, (0, 1] (Kish 1965).',
  // what is kept
  learned: 'Revisions learned in the step.',
  updates: 'Updates so far.',
  refused_updates: 'Updates so far that were not finite, and were left out.',
  buffer: 'Transitions kept to learn from.',
  rows: 'Rows kept to learn features from.',
  items: 'Items with a model of their own.',
  members: 'Members of the ensemble.',
  evicted: 'Items so far whose model was dropped for want of room.',
  dead_arms: 'Items that have nothing to learn from any more.',
  state_norm: 'Largest norm of a state in the step.',
  world_changes: 'Changes of the world found so far.',
  spread: 'Errors on what is new relative to what was learned.',
  waiting: 'Decisions whose reward is waited for.',
  waiting_overflowed: 'Decisions so far that were counted before their time for want of room.',
} as const satisfies Record<string, string>

export type LearnerStatistic = keyof typeof learnerStatistics

export const isLearnerStatistic = (name: string): name is LearnerStatistic => name in learnerStatistics

/** Quantile by nearest rank. */
const P99 = 0.99

/** Of importance weights ρ = π(a)/μ: p99, maximum, the effective sample size (Σρ)² / (n Σρ²) and the KL divergence of μ
 * from π by k3, the mean of ρ − 1 − ln ρ (Schulman 2020, "Approximating KL divergence"). None for no weights. */
export function weightStatistics(weights: readonly number[]): Partial<Record<LearnerStatistic, number>> {
  if (weights.length === 0) return {}
  const sorted = weights.toSorted((a, b) => a - b)
  const sum = sorted.reduce((total, weight) => total + weight, 0)
  const squares = sorted.reduce((total, weight) => total + weight * weight, 0)
  const positive = sorted.filter(weight => weight > 0)
  const excess = positive.reduce((total, weight) => total + weight - 1 - Math.log(weight), 0)
  return {
    importance_weight_p99: sorted[Math.ceil(P99 * sorted.length) - 1],
    importance_weight_max: sorted.at(-1)!,
    effective_sample_size: squares > 0 ? sum ** 2 / (sorted.length * squares) : 0,
    ...(positive.length > 0 && { kl: excess / positive.length }),
  }
}
