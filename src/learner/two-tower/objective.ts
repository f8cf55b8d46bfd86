/**
 * The off-policy actor-critic objective of one batch, and its gradient with respect to logits and values, on plain
 * arrays (Espeholt et al. 2018, IMPALA, section 4, segments of one step). With π = softmax(logits), behaviour
 * probability μ, ρ = min(π(a)/μ, ρ̄) and δ = r + γ V(s') − V(s), the loss of an example is
 *   −ρ A/σ log π(a)  +  c ½ ((V(s) − v)/σ_v)²  −  β H(π),   with the V-trace target v = V(s) + ρ δ,
 * and the advantage A = r + γ V(s') − b(s) over a baseline (baseline.ts); ρ, A, σ, σ_v and v are constants to the gradient. σ is
 * the advantages' usual size, so that the entropy weight means the same for a click in a hundred as for stars from one to five.
 * A decision that is held out has v = V(s). Losses are weighted by the transition's weight and averaged.
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'
import type { Outcome } from './baseline.ts'

export interface BatchItem extends Row {
  /** μ. */
  readonly propensity: number
  /** Cumulative scalar reward. */
  readonly reward: number
  /** γ; 0: nothing beyond counts. */
  readonly discount: number
  /** V(s'), constant. */
  readonly nextValue: number
  /** The critic does not learn it. */
  readonly heldOut: boolean
}

export interface ObjectiveOptions extends Omit<Weights, 'minEntropy'> {
  readonly maxImportanceWeight: number
  /** σ. */
  readonly advantageScale: number
  /** b(s). @param value V(s) */
  readonly baseline: (value: number) => number
}

export interface ObjectiveResult extends Loss {
  /** A, [B]. */
  readonly advantages: Float64Array
  /** What the baseline is made of. */
  readonly outcomes: readonly Outcome[]
}

/** v = V(s) + ρ (r + γ V(s') − V(s)). */
export const vtraceTarget = (item: BatchItem, value: number, rho: number): number =>
  value + rho * (outcomeOf(item) - value)

/** y = r + γ V(s'). */
const outcomeOf = ({ reward, discount, nextValue }: BatchItem): number => reward + discount * nextValue

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
  const outcomes = batch.map((item, b) => ({
    outcome: outcomeOf(item),
    value: values[b],
    weight: item.weight,
    heldOut: item.heldOut,
  }))
  const advantages = Float64Array.from(outcomes, ({ outcome, value }) => outcome - options.baseline(value))
  const pulls = advantages.map((advantage, b) => rhos[b] * (advantage / options.advantageScale))
  const targets = Float64Array.from(batch, (item, b) =>
    item.heldOut ? values[b] : vtraceTarget(item, values[b], rhos[b]),
  )
  const loss = actorCriticLoss(batch, policies, values, { pulls, targets }, { ...options, minEntropy: 0 })
  const square = outcomes.reduce((sum, { outcome, value }) => sum + (outcome - value) ** 2 / batch.length, 0)
  const importance = importanceStats(ratios, options.maxImportanceWeight)
  return { ...loss, advantages, outcomes, stats: { ...loss.stats, td_error: Math.sqrt(square), ...importance } }
}
