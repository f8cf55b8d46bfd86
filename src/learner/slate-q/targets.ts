/**
 * SlateQ (Ie et al. 2019, IJCAI, "SlateQ: A tractable decomposition for reinforcement learning with recommendation sets"). Of a
 * slate A a person takes one item or none, ⊥, by a conditional logit (section 5.1), and what follows depends on what was taken
 * only. Then a slate is worth what its items are worth once taken, its long-term values Q̄ (section 4.2):
 *   Q(s, A) = Σ_{i ∈ A ∪ ⊥} P(i | s, A) Q̄(s, i),   P(i | s, A) = v(s, i) / (v(s, ⊥) + Σ_{j ∈ A} v(s, j)).
 * The best slate of k is found without their linear program: A is best if and only if it has the k highest v(s, i) (Q̄(s, i) − λ)
 * with λ = Q(s, A), and putting the value of that slate for λ finds it in a few rounds (Dinkelbach 1967). Their top-k heuristic is
 * λ = 0: it is exact where every v is the same, else an item that is taken often for little may push out those that are worth more.
 */

/** Items of one decision: heads of the network, read. Scores v are relative to the largest of the decision. */
export interface Items {
  /** v(s, i). */
  readonly attraction: Float64Array
  /** v(s, ⊥). */
  readonly none: number
  /** Q̄(s, i). */
  readonly worth: Float64Array
  /** Q̄(s, ⊥). */
  readonly worthOfNone: number
}

export interface Heads {
  /** [B, K, 2]: log v(s, i), with log v(s, ⊥) = 0, since only differences count; and Q̄(s, i) − Q̄(s, ⊥). */
  readonly logits: Float32Array
  /** [B]: Q̄(s, ⊥). */
  readonly values: Float32Array
}

/** Of decision b, which has `count` items. */
export function itemsOf({ logits, values }: Heads, b: number, count: number): Items {
  const from = b * (logits.length / values.length)
  let highest = 0
  for (let k = 0; k < count; k++) highest = Math.max(highest, logits[from + 2 * k])
  const attraction = new Float64Array(count)
  const worth = new Float64Array(count)
  for (let k = 0; k < count; k++) {
    attraction[k] = Math.exp(logits[from + 2 * k] - highest)
    worth[k] = values[b] + logits[from + 2 * k + 1]
  }
  return { attraction, none: Math.exp(-highest), worth, worthOfNone: values[b] }
}

/** Q(s, A). @param slate indices of items */
export function slateValue({ attraction, none, worth, worthOfNone }: Items, slate: readonly number[]): number {
  let total = none
  let sum = none * worthOfNone
  for (const k of slate) {
    total += attraction[k]
    sum += attraction[k] * worth[k]
  }
  return sum / total
}

/** v(s, i) (Q̄(s, i) − λ): what an item adds to a slate that is worth λ. */
export const gains = ({ attraction, worth }: Items, lambda: number): Float64Array =>
  attraction.map((each, k) => each * (worth[k] - lambda))

export type Search = 'exact' | 'top-k'

/** λ by which the best slate of `slots` items is that of the highest gains. */
export function lambdaOf(items: Items, slots: number, search: Search): number {
  return search === 'exact' ? bestValue(items, slots, search) : 0
}

/** The worth of the best slate of `slots` items, or of the one that the heuristic takes for it. */
export function bestValue(items: Items, slots: number, search: Search): number {
  const improved = (lambda: number): number => slateValue(items, highest(gains(items, lambda), slots))
  let value = improved(0)
  if (search === 'top-k') return value
  // each round is worth more than the one before, so no slate comes twice
  for (let next = improved(value); next > value; next = improved(value)) value = next
  return value
}

/** Indices of the `count` highest, the first of equals first. */
export function highest(scores: Float64Array, count: number): number[] {
  const order = Array.from(scores, (_, k) => k)
  return order.sort((a, b) => scores[b] - scores[a]).slice(0, count)
}
