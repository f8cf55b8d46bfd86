/**
 * n-step returns of a segment (Mnih et al. 2016, algorithm S3): R_t = r_t + γ_t R_{t+1}, and R_n = V of the state after it,
 * or 0 where the episode ended. So its first decision has n rewards before a value, its last has one.
 * @param nextValue not looked at when the last discount is 0
 * @returns R, [n]
 */
export function returnsOf(rewards: ArrayLike<number>, discounts: ArrayLike<number>, nextValue: number): Float64Array {
  const returns = new Float64Array(rewards.length)
  let after = nextValue
  for (let t = rewards.length - 1; t >= 0; t--) {
    after = rewards[t] + discounts[t] * after
    returns[t] = after
  }
  return returns
}
