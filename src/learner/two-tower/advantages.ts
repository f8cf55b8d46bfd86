/**
 * What a second head makes of the loss (objective.ts): q_k, the advantage that candidate k is foretold to have, in units of σ.
 *   −Σ_k π_k q_k  +  c ½ (q(a) − A/σ)²,   weighted by the transition's weight and averaged,
 * where the first term, with q constant, moves the policy and the second q alone. Every candidate pulls the policy by what it is
 * foretold, and what was taken by ρ times what came beyond that: doubly robust (Dudík et al. 2011, "Doubly robust policy
 * evaluation and learning"), as a gradient in ACER (Wang et al. 2017, section 3.1) and expected policy gradients (Ciosek & Whiteson
 * 2018). While ρ is below its cap, whatever q says leaves the gradient unbiased. A critic that has an outcome by heart leaves no
 * advantage; a q that has teaches the policy all the same, since it says less of the others.
 */
import type { Policies, Row } from '../gradient/actor-critic.ts'
import type { Loss } from '../gradient/method.ts'
import { interleaved } from '../towers/heads.ts'

/** 2 where advantages are foretold. With γ > 0 they led the policy astray (docs/learning.md), and what nothing is learned of, with a loss of weight 0,
 * must not lead it either. */
export const headsOf = ({
  bootstraps,
  valueLoss,
}: {
  readonly bootstraps: boolean
  readonly valueLoss: number
}): 1 | 2 => (bootstraps || valueLoss === 0 ? 1 : 2)

export interface Foretold {
  readonly policies: Policies
  /** q, [B, K]. */
  readonly foretold: Float32Array
  /** A/σ, [B]. */
  readonly scaled: Float64Array
}

/** @param loss of the policy's head alone @param lossWeight c @returns the loss of both heads, logits' gradient [B, K, 2] */
export function withAdvantages(
  loss: Loss,
  rows: readonly Row[],
  { policies: { probabilities }, foretold, scaled }: Foretold,
  lossWeight: number,
): Loss {
  const width = foretold.length / rows.length
  const policyGradient = loss.logitGradient.slice()
  const gradient = new Float32Array(foretold.length)
  const sums = { expected: 0, advantage_loss: 0 }
  rows.forEach(({ action, candidates, weight }, b) => {
    const scale = weight / rows.length
    const [from, to] = [b * width, b * width + candidates]
    let mean = 0
    for (let i = from; i < to; i++) mean += probabilities[i] * foretold[i]
    for (let i = from; i < to; i++) policyGradient[i] -= scale * probabilities[i] * (foretold[i] - mean)
    const error = foretold[from + action] - scaled[b]
    gradient[from + action] = scale * lossWeight * error
    sums.expected += scale * mean
    sums.advantage_loss += scale * 0.5 * error * error
  })
  const { expected, advantage_loss } = sums
  const stats = {
    ...loss.stats,
    loss: loss.stats.loss - expected + lossWeight * advantage_loss,
    policy_loss: loss.stats.policy_loss - expected,
    advantage_loss,
  }
  return { ...loss, logitGradient: interleaved([policyGradient, gradient]), stats }
}
