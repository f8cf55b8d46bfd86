/**
 * What Q(s, a) is to be. Of n steps (Watkins 1989; n = 1 unless asked for) r_0 + γ_0 r_1 + γ_0 γ_1 r_2 + … + γ_0 ⋯ γ_{n−1} Q'(s_n), each γ that of its
 * own transition, since time between decisions varies. With double Q-learning (van Hasselt, Guez & Silver 2016, eq. 4)
 *   Q'(s) = Q(s, argmax_a Q(s, a; θ); θ⁻):
 * the online network θ names the action, the target network θ⁻ says its worth, so that no error is its own judge.
 */

/** Outputs of a network for B states of up to K candidates each. */
export interface Outputs {
  /** [B, K] row-major. */
  readonly logits: Float32Array
  /** [B]. */
  readonly values: Float32Array
}

/** Q(s, a) − A(s, a), the same for all actions: V(s) − mean_b A(s, b) (Wang et al. 2016, eq. 9); 0 when Q = A. */
export function baseline({ logits, values }: Outputs, b: number, candidates: number, isDueling: boolean): number {
  if (!isDueling) return 0
  const from = b * (logits.length / values.length)
  let sum = 0
  for (let k = 0; k < candidates; k++) sum += logits[from + k]
  return values[b] - sum / candidates
}

/** Index of the best action: the baseline does not matter to it. */
export function best({ logits, values }: Outputs, b: number, candidates: number): number {
  const from = b * (logits.length / values.length)
  let index = 0
  for (let k = 1; k < candidates; k++) if (logits[from + k] > logits[from + index]) index = k
  return index
}

/** Q' of each state. @param online names the actions; the target network itself: plain Q-learning
 * @param candidates of each state, 1 or more */
export function nextValues(
  online: Outputs,
  target: Outputs,
  candidates: readonly number[],
  isDueling: boolean,
): Float64Array {
  const width = target.logits.length / target.values.length
  return Float64Array.from(
    candidates,
    (count, b) => target.logits[b * width + best(online, b, count)] + baseline(target, b, count, isDueling),
  )
}

/** Sum of a segment's discounted rewards, and what a value beyond its last transition is worth at its first. */
export function discounted(segment: readonly { readonly reward: number; readonly discount: number | null }[]): {
  reward: number
  discount: number
} {
  let reward = 0
  let discount = 1
  for (const step of segment) {
    reward += discount * step.reward
    discount *= step.discount ?? 0
  }
  return { reward, discount }
}
