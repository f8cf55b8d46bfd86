/** What a policy is worth in a finite Markov decision process: the Bellman equations, solved as what they are, linear. */
import { dot, type Mdp, type PolicyTable } from './mdp.ts'

/**
 * State values: v = r_π + γ P_π v (Sutton & Barto 2018, 4.1, equation 4.4 at its fixed point), with r_π(s) = Σ_a π(a|s) r(s,a)
 * and P_π(s,s') = Σ_a π(a|s) p(s'|s,a), by Gaussian elimination.
 * @throws RangeError when the policy never ends and the discount is 1: there is no value
 */
export function evaluatePolicy({ transitions, rewards, discount }: Mdp, policy: PolicyTable): Float64Array {
  const states = transitions.length
  const matrix = transitions.map((rows, s) => {
    const row = new Float64Array(states)
    row[s] = 1
    rows.forEach((next, a) => {
      const weight = discount * policy[s][a]
      for (let to = 0; to < states; to++) row[to] -= weight * next[to]
    })
    return row
  })
  return solve(
    matrix,
    Float64Array.from(rewards, (row, s) => dot(policy[s], row)),
  )
}

/** J(π) = E[Σ_t γ^t r_t | s_0 ~ initial, π]: the discounted return that an episode is worth before it starts. */
export const expectedReturn = (mdp: Mdp, policy: PolicyTable): number => dot(mdp.initial, evaluatePolicy(mdp, policy))

/** Expected discounted number of decisions of an episode: J with a reward of 1 a step. */
export const expectedSteps = (mdp: Mdp, policy: PolicyTable): number =>
  expectedReturn({ ...mdp, rewards: mdp.rewards.map(row => row.map(() => 1)) }, policy)

/** q(s,a) = r(s,a) + γ Σ_s' p(s'|s,a) v(s') (Sutton & Barto 2018, equation 4.6). */
export const actionValues = ({ transitions, rewards, discount }: Mdp, values: Float64Array): Float64Array[] =>
  transitions.map((rows, s) => Float64Array.from(rows, (next, a) => rewards[s][a] + discount * dot(next, values)))

/** G = r_0 + γ r_1 + γ² r_2 + … of one episode (Sutton & Barto 2018, equation 3.8). */
export const discountedReturn = (rewards: readonly number[], discount: number): number =>
  rewards.reduceRight((after, reward) => reward + discount * after, 0)

/** x with A x = b, by elimination with partial pivoting. A and b are used up. @throws RangeError for a singular A */
function solve(a: Float64Array[], b: Float64Array): Float64Array {
  const n = b.length
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i][k]) > Math.abs(a[pivot][k])) pivot = i
    if (!(Math.abs(a[pivot][k]) > 1e-13)) throw new RangeError('an episode never ends and nothing discounts it')
    ;[a[k], a[pivot]] = [a[pivot], a[k]]
    ;[b[k], b[pivot]] = [b[pivot], b[k]]
    for (let i = k + 1; i < n; i++) {
      const factor = a[i][k] / a[k][k]
      if (factor === 0) continue
      for (let j = k; j < n; j++) a[i][j] -= factor * a[k][j]
      b[i] -= factor * b[k]
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) b[k] -= a[k][j] * b[j]
    b[k] /= a[k][k]
  }
  return b
}
