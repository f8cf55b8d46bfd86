/**
 * The advantage actor-critic loss of a batch and its gradient at logits and values (Mnih et al. 2016, algorithm S3): of a
 * decision, −A/σ log π(a) + c ½ ((V − R)/σ_v)² − β H(π), A = R − V, with R and A constants to the gradient. No weights: whoever
 * decided is taken to be the policy, which staleness guards keep nearly true; `kl` says how far it is from true.
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'

export interface Step extends Row {
  /** μ(a), for metrics only. */
  readonly propensity: number
  /** R. */
  readonly target: number
}

export interface ObjectiveOptions extends Weights {
  /** σ. */
  readonly advantageScale: number
}

export interface ObjectiveResult extends Loss {
  /** A, [B]. */
  readonly advantages: Float64Array
}

/** @param logits [B, K] row-major @param values [B] */
export function objective(
  steps: readonly Step[],
  logits: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): ObjectiveResult {
  const policies = policiesOf(steps, logits)
  const targets = Float64Array.from(steps, ({ target }) => target)
  const advantages = targets.map((target, b) => target - values[b])
  const pulls = advantages.map(advantage => advantage / options.advantageScale)
  const loss = actorCriticLoss(steps, policies, values, { pulls, targets }, options)
  const ratios = Float64Array.from(steps, ({ propensity }, b) => policies.chosen[b] / propensity)
  const { kl } = importanceStats(ratios, Number.POSITIVE_INFINITY)
  return { ...loss, advantages, stats: { ...loss.stats, kl } }
}
