/** Optimal control of a finite Markov decision process by dynamic programming (Sutton & Barto 2018, chapter 4). */
import { actionValues, evaluatePolicy } from './evaluate.ts'
import { greedyPolicy, type Mdp, type PolicyTable, sum, uniformPolicy } from './mdp.ts'

export interface Solution {
  /** Deterministic: one action a state. */
  readonly policy: PolicyTable
  readonly values: Float64Array
  readonly iterations: number
}

/**
 * Policy iteration (Howard 1960; Sutton & Barto 2018, 4.3): evaluate exactly, be greedy, until nothing changes. Exact after finitely many.
 * @param start default: every action alike, which reaches every end that there is
 * @throws RangeError as `evaluatePolicy`
 */
export function policyIteration(mdp: Mdp, start: PolicyTable = uniformPolicy(mdp)): Solution {
  let policy = start
  for (let iterations = 1; ; iterations++) {
    const values = evaluatePolicy(mdp, policy)
    const improved = improve(policy, actionValues(mdp, values))
    if (improved === policy) return { policy, values, iterations }
    policy = improved
  }
}

/** Greedy, but an action that is as good as the greedy one stays: so ties end. */
function improve(policy: PolicyTable, values: readonly Float64Array[]): PolicyTable {
  const greedy = greedyPolicy(values)
  const better = policy.map((row, s) => {
    const best = greedy[s].indexOf(1)
    const chosen = row.indexOf(1)
    const slack = 1e-9 * Math.max(1, Math.abs(values[s][best]))
    return chosen >= 0 && values[s][chosen] >= values[s][best] - slack ? row : greedy[s]
  })
  return better.every((row, s) => row === policy[s]) ? policy : better
}

export interface Approximation extends Solution {
  /** max_s |v(s) - v*(s)| is at most this; infinite where nothing contracts. */
  readonly errorBound: number
}

/**
 * Value iteration, v ← max_a [r(s,a) + γ Σ p v] (Sutton & Barto 2018, 4.4, equation 4.10). The map contracts by
 * c = γ max Σ_s' p(s'|s,a), so ‖v_k - v*‖ ≤ c/(1 - c) ‖v_k - v_(k-1)‖ (Puterman 1994, theorem 6.3.1), which is the bound and what it
 * stops by. At c = 1 (no discount, and an end that is not near) there is no such bound: it stops by the change itself.
 */
export function valueIteration(mdp: Mdp, tolerance = 1e-12, maxIterations = 1_000_000): Approximation {
  const contraction = mdp.discount * Math.max(...mdp.transitions.flatMap(rows => rows.map(sum)))
  const scale = contraction < 1 ? contraction / (1 - contraction) : 1
  let values: Float64Array = new Float64Array(mdp.transitions.length)
  for (let iterations = 1; ; iterations++) {
    const before = values
    values = Float64Array.from(actionValues(mdp, before), row => row.reduce((most, q) => Math.max(most, q)))
    const change = values.reduce((most, value, s) => Math.max(most, Math.abs(value - before[s])), 0)
    if (scale * change > tolerance && iterations < maxIterations) continue
    const errorBound = contraction < 1 ? scale * change : Number.POSITIVE_INFINITY
    return { policy: greedyPolicy(actionValues(mdp, values)), values, iterations, errorBound }
  }
}
