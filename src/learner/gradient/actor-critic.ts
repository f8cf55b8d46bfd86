/**
 * What the losses of policy gradients have in common, for B decisions of up to K candidates:
 *   1/B Σ_b w_b (−A_b log π_b(a_b) − β H(π_b) + c ½ ((V_b − v_b)/σ_v)²),  π_b = softmax(logits_b),
 * where the pull A_b, the target v_b and the targets' usual size σ_v are constants to the gradient. An algorithm says only what A and v are. With a mean
 * entropy below its bound a step leaves out the pulls: values and the entropy bonus go on, and bring it back.
 */
import type { Loss } from './method.ts'
import { entropyGradient, entropyOf, softmax } from './softmax.ts'

export interface Row {
  /** Index of the chosen candidate. */
  readonly action: number
  readonly candidates: number
  /** w. */
  readonly weight: number
}

export interface Policies {
  /** π, [B, K] row-major; 0 at padding. */
  readonly probabilities: Float64Array
  /** π(a), [B]. */
  readonly chosen: Float64Array
  /** H(π), nats, [B]. */
  readonly entropies: Float64Array
  /** Their mean over the rows that had a choice, weighted; null when none had. */
  readonly entropy: number | null
}

export function policiesOf(rows: readonly Row[], logits: Float32Array): Policies {
  const width = logits.length / rows.length
  const probabilities = new Float64Array(logits.length)
  const chosen = new Float64Array(rows.length)
  const entropies = new Float64Array(rows.length)
  let sum = 0
  let choices = 0
  rows.forEach(({ action, candidates, weight }, b) => {
    const own = probabilities.subarray(b * width, b * width + candidates)
    softmax(logits, b * width, candidates, own)
    chosen[b] = own[action]
    entropies[b] = entropyOf(own, candidates)
    if (candidates < 2) return
    sum += weight * entropies[b]
    choices += weight
  })
  return { probabilities, chosen, entropies, entropy: choices > 0 ? sum / choices : null }
}

export interface Weights {
  /** β. */
  readonly entropy: number
  /** c. */
  readonly valueLoss: number
  /** σ_v (Now.valueUnit): values of any size then pull as hard as a policy on the towers that they share. */
  readonly valueUnit: number
  /** Mean entropy, nats, below which pulls are withheld. */
  readonly minEntropy: number
}

/** @param pulls A, [B] @param targets v, [B] */
export function actorCriticLoss(
  rows: readonly Row[],
  policies: Policies,
  values: Float32Array,
  { pulls, targets }: { readonly pulls: Float64Array; readonly targets: Float64Array },
  weights: Weights,
): Loss {
  const { probabilities, chosen, entropies, entropy } = policies
  const width = probabilities.length / rows.length
  const logitGradient = new Float32Array(probabilities.length)
  const valueGradient = new Float32Array(rows.length)
  const withheld = entropy !== null && entropy < weights.minEntropy ? 'entropy_bound' : undefined
  const sums = { policy_loss: 0, value_loss: 0 }
  let bonus = 0
  rows.forEach(({ action, candidates, weight }, b) => {
    const scale = weight / rows.length
    const pull = withheld ? 0 : pulls[b]
    for (let k = 0, i = b * width; k < candidates; k++, i++) {
      const policy = pull * (probabilities[i] - (k === action ? 1 : 0))
      logitGradient[i] = scale * (policy + weights.entropy * entropyGradient(probabilities[i], entropies[b]))
    }
    const error = (values[b] - targets[b]) / weights.valueUnit
    valueGradient[b] = (scale * weights.valueLoss * error) / weights.valueUnit
    // a pull of 0 may stand beside a π(a) that is 0, too
    if (pull !== 0) sums.policy_loss -= scale * pull * Math.log(chosen[b])
    sums.value_loss += scale * 0.5 * error * error
    bonus += scale * entropies[b]
  })
  const loss = sums.policy_loss + weights.valueLoss * sums.value_loss - weights.entropy * bonus
  const stats = { loss, ...sums, entropy: entropy ?? 0, ...explained(targets, values) }
  return { logitGradient, valueGradient, valueTargets: targets, withheld, stats }
}

/** 1 − Var(v − V) / Var(v); nothing where all targets are the same. */
function explained(targets: Float64Array, values: Float32Array): { readonly explained_variance?: number } {
  const variance = varianceOf(targets)
  return variance > 0 ? { explained_variance: 1 - varianceOf(targets.map((v, b) => v - values[b])) / variance } : {}
}

function varianceOf(numbers: Float64Array): number {
  const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length
  return numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / numbers.length
}
