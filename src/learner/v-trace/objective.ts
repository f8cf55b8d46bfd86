/**
 * The V-trace actor-critic loss of a batch of segments and its gradient at logits and values (Espeholt et al. 2018,
 * section 4.2): of a decision, −ρ A/σ log π(a) + c ½ ((V − v)/σ_v)² − β H(π), with v and A of targets.ts and ρ = min(ρ̄, π/μ).
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'
import { type Caps, vtrace } from './targets.ts'

export interface Step extends Row {
  /** μ(a). */
  readonly propensity: number
  /** Cumulative scalar reward. */
  readonly reward: number
  /** γ; 0: nothing beyond counts. */
  readonly discount: number
}

export interface Segment {
  /** Consecutive decisions: consecutive rows of the batch. */
  readonly steps: readonly Step[]
  /** V of the state after it, constant. */
  readonly nextValue: number
}

export interface ObjectiveOptions extends Weights, Caps {
  /** σ. */
  readonly advantageScale: number
}

export interface ObjectiveResult extends Loss {
  /** Before scaling and without ρ, [B]. */
  readonly advantages: Float64Array
}

/** @param logits [B, K] row-major @param values [B] */
export function objective(
  segments: readonly Segment[],
  logits: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): ObjectiveResult {
  const rows = segments.flatMap(({ steps }) => steps)
  const policies = policiesOf(rows, logits)
  const ratios = Float64Array.from(rows, ({ propensity }, b) => policies.chosen[b] / propensity)
  const targets = new Float64Array(rows.length)
  const advantages = new Float64Array(rows.length)
  let from = 0
  for (const { steps, nextValue } of segments) {
    const to = from + steps.length
    const trace = {
      rewards: steps.map(({ reward }) => reward),
      discounts: steps.map(({ discount }) => discount),
      values: values.subarray(from, to),
      ratios: ratios.subarray(from, to),
      nextValue,
    }
    vtrace(trace, options, targets.subarray(from, to), advantages.subarray(from, to))
    from = to
  }
  const pulls = advantages.map(
    (advantage, b) => Math.min(ratios[b], options.maxImportanceWeight) * (advantage / options.advantageScale),
  )
  const loss = actorCriticLoss(rows, policies, values, { pulls, targets }, options)
  return { ...loss, advantages, stats: { ...loss.stats, ...importanceStats(ratios, options.maxImportanceWeight) } }
}
