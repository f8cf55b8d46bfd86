/** What came of a decision, with all that came after it in its session. */

export interface Step {
  /** Of all that was shown together. */
  readonly reward: number
  /** γ to the next decision; 0 where the episode ends. */
  readonly discount: number
}

/** R = r_0 + γ_0 r_1 + γ_0 γ_1 r_2 …, and at the end of what is known the value of the state after it (Williams 1992, with
 * a value only where observation, or the horizon, ends before the episode). */
export function returnOf(steps: readonly Step[], nextValue: number): number {
  let sum = steps[steps.length - 1].discount === 0 ? 0 : nextValue
  for (let t = steps.length - 1; t >= 0; t--) sum = steps[t].reward + steps[t].discount * sum
  return sum
}
