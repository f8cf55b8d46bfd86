/**
 * Generalised advantage estimation (Schulman et al. 2016, eq. 16, on a segment that ends):
 *   A_t = Σ_l (Π_{i<l} γ_{t+i} λ) δ_{t+l},   δ_t = r_t + γ_t V_{t+1} − V_t
 * λ = 0 is the error of one step, λ = 1 what was earned, less V. The value's target is A + V, the λ-return.
 */

/** One segment of n decisions; arrays are [n]. */
export interface Segment {
  readonly rewards: ArrayLike<number>
  /** γ to the next decision; 0 where the episode ends. */
  readonly discounts: ArrayLike<number>
  readonly values: ArrayLike<number>
  /** V of the state after it; not looked at when the last discount is 0. */
  readonly nextValue: number
}

/** @returns A, [n] */
export function gae({ rewards, discounts, values, nextValue }: Segment, lambda: number): Float64Array {
  const advantages = new Float64Array(rewards.length)
  let [after, valueAfter] = [0, nextValue]
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t] + discounts[t] * valueAfter - values[t]
    advantages[t] = delta + discounts[t] * lambda * after
    after = advantages[t]
    valueAfter = values[t]
  }
  return advantages
}

/** Mean 0 and deviation 1; of all the same, 0. */
export function standardise(advantages: Float64Array): Float64Array {
  const mean = advantages.reduce((sum, each) => sum + each, 0) / advantages.length
  const variance = advantages.reduce((sum, each) => sum + (each - mean) ** 2, 0) / advantages.length
  const deviation = Math.sqrt(variance) + 1e-8
  return advantages.map(each => (each - mean) / deviation)
}
