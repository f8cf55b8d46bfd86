/**
 * The off-policy actor-critic objective of one batch, and its gradient with respect to logits and values, on plain
 * arrays (Espeholt et al. 2018, IMPALA, section 4, segments of one step). With π = softmax(logits), behaviour
 * probability μ, ρ = min(π(a)/μ, ρ̄) and δ = r + γ V(s') − V(s), the loss of an example is
 *   −ρ (A/σ − q(a)) log π(a)  −  Σ_k π_k q_k  +  c ½ (q(a) − A/σ)²  +  c ½ ((V(s) − v)/σ_v)²  −  β H(π),
 * with the V-trace target v = V(s) + ρ δ and the advantage A = r + γ V(s') − b(s) over a baseline (baseline.ts); ρ, A, σ, σ_v, v and,
 * in the first two terms, q are constants to the gradient. q_k, a second head's, is what candidate k's advantage is foretold to be
 * (advantages.ts); with one head it is 0. σ is the advantages' usual size, so that the entropy weight means the same for a click in a hundred as for stars from one to five.
 * A decision that is held out has v = V(s). Losses are weighted by the transition's weight and averaged.
 */
import { actorCriticLoss, policiesOf, type Row, type Weights } from '../gradient/actor-critic.ts'
import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'
import { headOf } from '../towers/heads.ts'
import { withAdvantages } from './advantages.ts'
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
  /** 2: the policy's logit of a candidate and its q; 1: the logit alone, with q = 0. */
  readonly heads: 1 | 2
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

/** @param outputs [B, K] or [B, K, 2] row-major; entries at or beyond an example's `candidates` are padding and get no gradient */
export function objective(
  batch: readonly BatchItem[],
  outputs: Float32Array,
  values: Float32Array,
  options: ObjectiveOptions,
): ObjectiveResult {
  const { heads } = options
  const policies = policiesOf(batch, headOf(outputs, 0, heads))
  const width = outputs.length / heads / batch.length
  const foretold = heads === 1 ? new Float32Array(batch.length * width) : headOf(outputs, 1, heads)
  const ratios = Float64Array.from(batch, ({ propensity }, b) => policies.chosen[b] / propensity)
  const rhos = ratios.map(ratio => Math.min(ratio, options.maxImportanceWeight))
  const outcomes = batch.map((item, b) => ({
    outcome: outcomeOf(item),
    value: values[b],
    weight: item.weight,
    heldOut: item.heldOut,
  }))
  const advantages = Float64Array.from(outcomes, ({ outcome, value }) => outcome - options.baseline(value))
  const scaled = advantages.map(advantage => advantage / options.advantageScale)
  const pulls = scaled.map((advantage, b) => rhos[b] * (advantage - foretold[b * width + batch[b].action]))
  const targets = Float64Array.from(batch, (item, b) =>
    item.heldOut ? values[b] : vtraceTarget(item, values[b], rhos[b]),
  )
  const critic = actorCriticLoss(batch, policies, values, { pulls, targets }, { ...options, minEntropy: 0 })
  const square = outcomes.reduce((sum, { outcome, value }) => sum + (outcome - value) ** 2 / batch.length, 0)
  const importance = importanceStats(ratios, options.maxImportanceWeight)
  const loss = heads === 1 ? critic : withAdvantages(critic, batch, { policies, foretold, scaled }, options.valueLoss)
  return { ...loss, advantages, outcomes, stats: { ...loss.stats, td_error: Math.sqrt(square), ...importance } }
}
