/**
 * The off-policy actor-critic objective of one batch, and its gradient with respect to logits and values, on plain
 * arrays (Espeholt et al. 2018, IMPALA, section 4, segments of one step). With π = softmax(logits), behaviour
 * probability μ, ρ = min(π(a)/μ, ρ̄) and δ = r + γ V(s') − V(s), the loss of an example is
 *   −ρ δ/σ log π(a)  +  c ½ (V(s) − v)²  −  β H(π),   with the V-trace target v = V(s) + ρ δ,
 * ρ, δ, σ and v being constants to the gradient. σ is the advantages' usual size, so that the entropy weight means the
 * same for a click in a hundred as for stars from one to five. Losses are weighted by the transition's weight and averaged.
 *
 * With the goal `imitation` the policy's loss is the cross-entropy of the logged choice, −log π(a), without reward and
 * propensity (behavioural cloning, Pomerleau 1991), and the value is that of who logged: ρ = 1.
 */

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

export type Goal = 'reward' | 'imitation'

export interface ObjectiveOptions {
  readonly goal: Goal
  readonly maxImportanceWeight: number
  readonly entropy: number
  readonly valueLoss: number
  /** σ. */
  readonly advantageScale: number
}

export interface ObjectiveResult {
  readonly loss: number
  readonly policyLoss: number
  readonly valueLoss: number
  readonly entropy: number
  /** Mean of ρ. */
  readonly importance: number
  /** π(a)/μ, without bound; none for imitation. */
  readonly weights: readonly number[]
  /** Mean of δ². */
  readonly advantageSquare: number
  /** [B, K] as the logits. */
  readonly logitGradient: Float32Array
  /** [B]. */
  readonly valueGradient: Float32Array
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
  const sums = { policyLoss: 0, valueLoss: 0, entropy: 0, importance: 0, advantageSquare: 0 }
  const probabilities = new Float64Array(width)
  const weights: number[] = []
  batch.forEach((item, b) => {
    const scale = item.weight / batch.length
    softmax(logits, b * width, item.candidates, probabilities)
    const chosen = probabilities[item.action]
    const imitated = options.goal === 'imitation'
    const rho = imitated ? 1 : Math.min(chosen / item.propensity, options.maxImportanceWeight)
    if (!imitated) weights.push(chosen / item.propensity)
    const target = vtraceTarget(item, values[b], rho)
    const advantage = item.reward + item.discount * item.nextValue - values[b]
    const pull = imitated ? 1 : rho * (advantage / options.advantageScale)
    const h = entropyOf(probabilities, item.candidates)
    for (let k = 0; k < item.candidates; k++) {
      const p = probabilities[k]
      const policy = -pull * ((k === item.action ? 1 : 0) - p)
      const entropy = p > 0 ? options.entropy * p * (Math.log(p) + h) : 0
      logitGradient[b * width + k] = scale * (policy + entropy)
    }
    const error = values[b] - target
    valueGradient[b] = scale * options.valueLoss * error
    sums.policyLoss -= scale * pull * Math.log(chosen)
    sums.valueLoss += scale * 0.5 * error * error
    sums.entropy += scale * h
    sums.importance += rho / batch.length
    sums.advantageSquare += advantage ** 2 / batch.length
  })
  const loss = sums.policyLoss + options.valueLoss * sums.valueLoss - options.entropy * sums.entropy
  return { loss, ...sums, weights, logitGradient, valueGradient }
}

function softmax(logits: Float32Array, from: number, count: number, out: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY
  for (let k = 0; k < count; k++) highest = Math.max(highest, logits[from + k])
  let total = 0
  for (let k = 0; k < count; k++) {
    out[k] = Math.exp(logits[from + k] - highest)
    total += out[k]
  }
  for (let k = 0; k < count; k++) out[k] /= total
}

function entropyOf(probabilities: Float64Array, count: number): number {
  let h = 0
  for (let k = 0; k < count; k++) if (probabilities[k] > 0) h -= probabilities[k] * Math.log(probabilities[k])
  return h
}
