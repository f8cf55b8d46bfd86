/**
 * The off-policy actor-critic objective of one batch, and its gradient with respect to logits and values, on plain
 * arrays (Espeholt et al. 2018, IMPALA, section 4, segments of one step). With π = softmax(logits), behaviour
 * probability μ, ρ = min(π(a)/μ, ρ̄) and δ = r + γ V(s') − V(s), the loss of an example is
 *   −ρ δ/σ log π(a)  +  c ½ ((V(s) − v)/σ_v)²  −  β H(π),   with the V-trace target v = V(s) + ρ δ,
 * ρ, δ, σ, σ_v and v being constants to the gradient. σ is the advantages' usual size, so that the entropy weight means the
 * same for a click in a hundred as for stars from one to five. Losses are weighted by the transition's weight and averaged.
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'

export interface BatchItem extends Row {
  /** μ. */
  readonly propensity: number
  /** Cumulative scalar reward. */
  readonly reward: number
  /** γ; 0: nothing beyond counts. */
  readonly discount: number
  /** V(s'), constant. */
  readonly nextValue: number
}

export interface ObjectiveOptions extends Omit<Weights, 'minEntropy'> {
  readonly maxImportanceWeight: number
  /** σ. */
  readonly advantageScale: number
}

export interface ObjectiveResult extends Loss {
  /** δ, [B]. */
  readonly advantages: Float64Array
}

/** v = V(s) + ρ (r + γ V(s') − V(s)). */
export const vtraceTarget = (item: BatchItem, value: number, rho: number): number =>
  value + rho * (item.reward + item.discount * item.nextValue - value)

/** @param logits [B, K] row-major; entries at or beyond an example's `candidates` are padding and get no gradient */
export function objective(
  batch: readonly BatchItem[],
  logits: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): ObjectiveResult {
  const policies = policiesOf(batch, logits)
  const ratios = Float64Array.from(batch, ({ propensity }, b) => policies.chosen[b] / propensity)
  const rhos = ratios.map(ratio => Math.min(ratio, options.maxImportanceWeight))
  const advantages = Float64Array.from(
    batch,
    ({ reward, discount, nextValue }, b) => reward + discount * nextValue - values[b],
  )
  const pulls = advantages.map((advantage, b) => rhos[b] * (advantage / options.advantageScale))
  const targets = Float64Array.from(batch, (item, b) => vtraceTarget(item, values[b], rhos[b]))
  const loss = actorCriticLoss(batch, policies, values, { pulls, targets }, { ...options, minEntropy: 0 })
  const square = advantages.reduce((sum, each) => sum + each ** 2 / batch.length, 0)
  const importance = importanceStats(ratios, options.maxImportanceWeight)
  return { ...loss, advantages, stats: { ...loss.stats, td_error: Math.sqrt(square), ...importance } }
}
