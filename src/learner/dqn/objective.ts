/**
 * The loss of one batch of a dueling Q network and its gradient at logits and values, on plain arrays. With A = the logits,
 * V = the value head and the mean over the decision's candidates (Wang et al. 2016, eq. 9; without dueling Q = A),
 *   Q(s, a) = V(s) + A(s, a) − mean_b A(s, b),   loss = w Huber(Q(s, a) − y)/σ²,   averaged,
 * y being constant to the gradient, σ the usual size of y and w the transition's weight times that of its draw.
 */
import { huber, huberGradient } from '../gradient/huber.ts'
import type { Loss } from '../gradient/method.ts'
import { baseline } from './targets.ts'

export interface BatchItem {
  /** Index of the chosen candidate. */
  readonly action: number
  readonly candidates: number
  /** y. */
  readonly target: number
  readonly weight: number
}

export interface ObjectiveOptions {
  readonly dueling: boolean
  /** κ, in units of the reward; 0: squared. */
  readonly huber: number
  /** σ (Now.valueUnit). */
  readonly valueUnit: number
}

export interface ObjectiveResult extends Loss {
  /** Q(s, a) − y of each item, [B]. */
  readonly errors: Float64Array
}

/** @param logits [B, K] row-major; what lies beyond an item's `candidates` is padding and gets no gradient @param values [B] */
export function objective(
  batch: readonly BatchItem[],
  logits: Float32Array,
  values: Float32Array,
  { dueling, huber: limit, valueUnit }: ObjectiveOptions,
): ObjectiveResult {
  const width = logits.length / batch.length
  const logitGradient = new Float32Array(logits.length)
  const valueGradient = new Float32Array(batch.length)
  const errors = new Float64Array(batch.length)
  const sums = { loss: 0, square: 0, most: 0, q: 0 }
  batch.forEach(({ action, candidates, target, weight }, b) => {
    const from = b * width
    const q = logits[from + action] + baseline({ logits, values }, b, candidates, dueling)
    const error = q - target
    const scale = weight / batch.length / valueUnit ** 2
    const pull = scale * huberGradient(error, limit)
    if (dueling) {
      logitGradient.fill(-pull / candidates, from, from + candidates)
      valueGradient[b] = pull
    }
    logitGradient[from + action] += pull
    errors[b] = error
    sums.loss += scale * huber(error, limit)
    sums.square += error ** 2 / batch.length
    sums.most = Math.max(sums.most, Math.abs(error))
    sums.q += q / batch.length
  })
  const stats = { loss: sums.loss, td_error: Math.sqrt(sums.square), td_error_max: sums.most, q_mean: sums.q }
  const valueTargets = Float64Array.from(batch, ({ target }) => target)
  return { stats, errors, logitGradient, valueGradient, valueTargets }
}
