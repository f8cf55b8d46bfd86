/**
 * V-trace (Espeholt et al. 2018, IMPALA, section 4.1): what a value is to become when another policy μ acted than the π
 * that is evaluated. Over the n steps of a segment, with V_t = V(x_t) and V_n the value of the state after it,
 *   δ_t = ρ_t (r_t + γ_t V_{t+1} − V_t),   ρ_t = min(ρ̄, π/μ),   c_t = min(c̄, π/μ)
 *   v_t = V_t + δ_t + γ_t c_t (v_{t+1} − V_{t+1}),   v_n = V_n      (eq. 1 in the recursive form of remark 1)
 *   A_t = ρ_t (r_t + γ_t v_{t+1} − V_t)                             (section 4.2, policy gradient)
 * ρ̄ says which policy's value this is (π's itself only uncapped), c̄ how fast it gets there.
 */

/** One segment of n decisions; arrays are [n]. */
export interface Trace {
  readonly rewards: ArrayLike<number>
  /** γ to the next decision, by the time between them; 0 where the episode ends. */
  readonly discounts: ArrayLike<number>
  readonly values: ArrayLike<number>
  /** V_n: of the state after the segment; not looked at when the last discount is 0. */
  readonly nextValue: number
  /** π/μ, uncapped. */
  readonly ratios: ArrayLike<number>
}

export interface Caps {
  /** ρ̄. */
  readonly maxImportanceWeight: number
  /** c̄, at most ρ̄. */
  readonly maxTraceWeight: number
}

/** Writes v into `targets` and r + γ v' − V, to be weighed by ρ, into `advantages`; both [n]. */
export function vtrace(trace: Trace, caps: Caps, targets: Float64Array, advantages: Float64Array): void {
  const { rewards, discounts, values, ratios } = trace
  let nextValue = trace.nextValue
  let nextTarget = trace.nextValue
  for (let t = rewards.length - 1; t >= 0; t--) {
    const rho = Math.min(caps.maxImportanceWeight, ratios[t])
    const c = Math.min(caps.maxTraceWeight, ratios[t])
    const delta = rho * (rewards[t] + discounts[t] * nextValue - values[t])
    advantages[t] = rewards[t] + discounts[t] * nextTarget - values[t]
    targets[t] = values[t] + delta + discounts[t] * c * (nextTarget - nextValue)
    nextValue = values[t]
    nextTarget = targets[t]
  }
}
