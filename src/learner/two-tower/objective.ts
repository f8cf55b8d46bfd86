/**
 * The off-policy actor-critic objective of one batch, and its gradient with respect to logits and values, on plain
 * arrays (Espeholt et al. 2018, IMPALA, section 4, segments of one step). With π = softmax(logits), behaviour
 * probability μ, ρ = min(π(a)/μ, ρ̄) and δ = r + γ V(s') − V(s), the loss of an example is
 *   −ρ δ/σ log π(a)  +  c ½ (V(s) − v)²  −  β H(π),   with the V-trace target v = V(s) + ρ δ,
 * ρ, δ, σ and v being constants to the gradient. σ is the advantages' usual size, so that the entropy weight means the
 * same for a click in a hundred as for stars from one to five. Losses are weighted by the transition's weight and averaged.
 */

import { importanceStats } from '../gradient/importance.ts'
import type { Loss } from '../gradient/method.ts'
import { entropyGradient, entropyOf, softmax } from '../gradient/softmax.ts'

export interface BatchItem {
  /** Index of the chosen candidate. */
  readonly action: number
  readonly candidates: number
  /** μ. */
  readonly propensity: number
  /** Cumulative scalar reward. */
  readonly reward: number
  /** γ; 0: nothing beyond counts. */
  readonly discount: number
  /** V(s'), constant. */
  readonly nextValue: number
  readonly weight: number
}

export interface ObjectiveOptions {
  readonly maxImportanceWeight: number
  readonly entropy: number
  readonly valueLoss: number
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
  const width = logits.length / batch.length
  const logitGradient = new Float32Array(logits.length)
  const valueGradient = new Float32Array(batch.length)
  const sums = { policyLoss: 0, valueLoss: 0, entropy: 0, square: 0 }
  const advantages = new Float64Array(batch.length)
  const ratios = new Float64Array(batch.length)
  const probabilities = new Float64Array(width)
  batch.forEach((item, b) => {
    const scale = item.weight / batch.length
    softmax(logits, b * width, item.candidates, probabilities)
    const chosen = probabilities[item.action]
    ratios[b] = chosen / item.propensity
    const rho = Math.min(ratios[b], options.maxImportanceWeight)
    const target = vtraceTarget(item, values[b], rho)
    const advantage = item.reward + item.discount * item.nextValue - values[b]
    const pull = rho * (advantage / options.advantageScale)
    const h = entropyOf(probabilities, item.candidates)
    for (let k = 0; k < item.candidates; k++) {
      const p = probabilities[k]
      const policy = -pull * ((k === item.action ? 1 : 0) - p)
      logitGradient[b * width + k] = scale * (policy + options.entropy * entropyGradient(p, h))
    }
    const error = values[b] - target
    valueGradient[b] = scale * options.valueLoss * error
    sums.policyLoss -= scale * pull * Math.log(chosen)
    sums.valueLoss += scale * 0.5 * error * error
    sums.entropy += scale * h
    advantages[b] = advantage
    sums.square += advantage ** 2 / batch.length
  })
  const loss = sums.policyLoss + options.valueLoss * sums.valueLoss - options.entropy * sums.entropy
  const { policyLoss, valueLoss, entropy, square } = sums
  const terms = { loss, policy_loss: policyLoss, value_loss: valueLoss, entropy, td_error: Math.sqrt(square) }
  const stats = { ...terms, ...importanceStats(ratios, options.maxImportanceWeight) }
  return { stats, advantages, logitGradient, valueGradient }
}
