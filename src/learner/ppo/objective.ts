/**
 * The clipped surrogate of a minibatch and its gradient at logits and values (Schulman et al. 2017, eq. 7 and 9): of a
 * decision, −min(r A, clip(r, 1 − ε, 1 + ε) A) + c ½ ((V − v)/σ_v)² − β H(π), r = π(a)/μ(a), where μ is not an estimate of the
 * old policy but the logged propensity. The value is not clipped: that ties learning to the scale of the rewards and was
 * found to help nothing (Andrychowicz et al. 2021, "What matters in on-policy reinforcement learning?", section 3.2).
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { boundedStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'

export interface Step extends Row {
  /** μ(a). */
  readonly propensity: number
  /** A, constant over a round. */
  readonly advantage: number
  /** v, constant over a round. */
  readonly target: number
}

export interface ObjectiveOptions extends Weights {
  /** ε. */
  readonly clip: number
  /** KL(μ ‖ π), nats, from which the step is refused, `kl_bound`; 0: none. */
  readonly maxKl: number
}

/** @param logits [B, K] row-major @param values [B] */
export function objective(
  steps: readonly Step[],
  logits: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): Loss {
  const policies = policiesOf(steps, logits)
  const ratios = Float64Array.from(steps, ({ propensity }, b) => policies.chosen[b] / propensity)
  const bounded = ratios.map((ratio, b) => boundedRatio(ratio, steps[b].advantage, options.clip))
  // where the clip holds the surrogate is flat; elsewhere d(r A) = r A d log π(a)
  const pulls = ratios.map((ratio, b) => (ratio === bounded[b] ? ratio * steps[b].advantage : 0))
  const targets = Float64Array.from(steps, ({ target }) => target)
  const { stats, ...loss } = actorCriticLoss(steps, policies, values, { pulls, targets }, options)
  const surrogate = steps.reduce((sum, { advantage, weight }, b) => sum + weight * bounded[b] * advantage, 0)
  const policyLoss = -surrogate / steps.length
  const importance = boundedStats(ratios, bounded)
  const refused = options.maxKl > 0 && importance.kl > options.maxKl ? 'kl_bound' : undefined
  const terms = { policy_loss: policyLoss, loss: stats.loss - stats.policy_loss + policyLoss }
  return { ...loss, refused, stats: { ...stats, ...terms, ...importance } }
}

/** r' of min(r A, clip(r, 1 − ε, 1 + ε) A) = r' A: the bound is on the side to which A pulls. */
const boundedRatio = (ratio: number, advantage: number, clip: number): number =>
  advantage > 0 ? Math.min(ratio, 1 + clip) : Math.max(ratio, 1 - clip)
