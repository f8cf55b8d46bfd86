/**
 * The loss of one batch of slates and its gradient at the heads (targets.ts), on plain arrays. t is 1 at what was taken, an item
 * or none; several taken share it:
 *   w ( −Σ_i t_i log P(i | s, A)  +  c Σ_i t_i Huber(Q̄(s, i) − y) ),   averaged:
 * the cross-entropy of the choice, and the long-term value of what was taken, y being constant to the gradient.
 */
import { huber, huberGradient } from '../gradient/huber.ts'
import type { Loss } from '../gradient/method.ts'
import { type Heads, itemsOf, slateValue } from './targets.ts'

export interface BatchItem {
  /** Items of the slate, the first of the decision's row. */
  readonly slots: number
  /** Slots of what was taken; none: ⊥. */
  readonly taken: readonly number[]
  /** y. */
  readonly target: number
  readonly weight: number
}

export interface ObjectiveOptions {
  /** c. */
  readonly valueLoss: number
  /** κ, in units of the reward; 0: squared. */
  readonly huber: number
}

/** @param heads of B slates of up to K items: [B, K, 2] and [B] */
export function objective(batch: readonly BatchItem[], heads: Heads, options: ObjectiveOptions): Loss {
  const { logits } = heads
  const width = logits.length / batch.length
  const logitGradient = new Float32Array(logits.length)
  const valueGradient = new Float32Array(batch.length)
  const sums = { choice: 0, value: 0, square: 0, most: 0, q: 0, none: 0 }
  batch.forEach(({ slots, taken, target, weight }, b) => {
    const items = itemsOf(heads, b, slots)
    const scale = weight / batch.length
    const total = items.attraction.reduce((sum, each) => sum + each, items.none)
    const from = b * width
    for (let k = 0; k < slots; k++) logitGradient[from + 2 * k] = (scale * items.attraction[k]) / total
    const learn = (share: number, attraction: number, worth: number): number => {
      const error = worth - target
      const pull = scale * options.valueLoss * share * huberGradient(error, options.huber)
      valueGradient[b] += pull
      sums.choice -= scale * share * Math.log(attraction / total)
      sums.value += scale * share * huber(error, options.huber)
      sums.square += (share * error * error) / batch.length
      sums.most = Math.max(sums.most, Math.abs(error))
      return pull
    }
    if (taken.length === 0) learn(1, items.none, items.worthOfNone)
    for (const k of taken) {
      logitGradient[from + 2 * k] -= scale / taken.length
      logitGradient[from + 2 * k + 1] = learn(1 / taken.length, items.attraction[k], items.worth[k])
    }
    sums.none += items.none / total / batch.length
    sums.q += slateValue(items, [...items.worth.keys()]) / batch.length
  })
  const stats = {
    loss: sums.choice + options.valueLoss * sums.value,
    choice_loss: sums.choice,
    value_loss: sums.value,
    td_error: Math.sqrt(sums.square),
    td_error_max: sums.most,
    q_mean: sums.q,
    none_probability: sums.none,
  }
  return { stats, logitGradient, valueGradient }
}
