/**
 * What a policy would have cost on logged decisions: self-normalised inverse propensity scoring (Swaminathan & Joachims
 * 2015), V = Σ w c / Σ w with w = π(a) / p, and its error by the delta method from w (c - V) / w̄ of each decision.
 */
import type { LoggedDecision } from './read.ts'

export interface Value {
  readonly cost: number
  readonly standardError: number
  /** Σ w / n: 1 in expectation. */
  readonly coverage: number
  /** Of each decision on the estimate. */
  readonly influence: Float64Array
}

/** @param chances probability with which the policy takes what was taken, by decision */
export function snips(logged: readonly LoggedDecision[], chances: readonly number[]): Value {
  const weights = logged.map(({ probability }, i) => chances[i] / probability)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const cost = logged.reduce((sum, each, i) => sum + weights[i] * each.cost, 0) / total
  const coverage = total / logged.length
  const influence = Float64Array.from(logged, (each, i) => (weights[i] * (each.cost - cost)) / coverage)
  return { cost, coverage, influence, standardError: errorOf(influence) }
}

/** Root of the mean's variance. */
function errorOf(influence: Float64Array): number {
  const n = influence.length
  const mean = influence.reduce((sum, value) => sum + value, 0) / n
  return Math.sqrt(influence.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n / (n - 1))
}

/** How much more one costs than the other on the same decisions, in standard errors of the difference. */
export function excess(one: Value, other: Value): number {
  const error = errorOf(one.influence.map((value, i) => value - other.influence[i]))
  return error > 0 ? (one.cost - other.cost) / error : 0
}
