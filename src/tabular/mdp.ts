/**
 * A finite Markov decision process, small enough to be solved exactly (Sutton & Barto 2018, chapter 3). Episodes end by what a
 * row of probabilities lacks to 1: the end has value 0 and is no state, so p(end | s, a) = 1 - Σ_s' p(s' | s, a).
 */

/** π(a | s): one row a state, one probability an action. */
export type PolicyTable = readonly Float64Array[]

export interface Mdp {
  /** p(s' | s, a), by s, then a, then s'; a row sums to at most 1. */
  readonly transitions: readonly (readonly Float64Array[])[]
  /** r(s, a), the expected reward, by s, then a. */
  readonly rewards: readonly Float64Array[]
  /** γ a step, [0, 1]. At 1 every policy that is evaluated must reach the end. */
  readonly discount: number
  /** Probability of the first state; sums to 1. */
  readonly initial: Float64Array
}

const ROUNDING = 1e-9

/** @throws RangeError for shapes that do not fit and probabilities that are none */
export function checkMdp({ transitions, rewards, discount, initial }: Mdp): void {
  const states = transitions.length
  const fail = (what: string): never => {
    throw new RangeError(`no Markov decision process: ${what}`)
  }
  if (states === 0 || rewards.length !== states || initial.length !== states) fail('states of different number')
  if (!(discount >= 0 && discount <= 1)) fail(`discount ${discount}`)
  if (!isDistribution(initial) || sum(initial) < 1 - ROUNDING) fail('initial distribution')
  transitions.forEach((rows, s) => {
    if (rows.length === 0 || rows.length !== rewards[s].length) fail(`actions of state ${s}`)
    if (!rewards[s].every(Number.isFinite)) fail(`rewards of state ${s}`)
    rows.forEach((row, a) => {
      if (row.length !== states || !isDistribution(row)) fail(`transitions of state ${s}, action ${a}`)
    })
  })
}

const isDistribution = (row: Float64Array): boolean => row.every(p => p >= 0) && sum(row) <= 1 + ROUNDING

export const sum = (row: Float64Array): number => row.reduce((total, x) => total + x, 0)

export function dot(a: Float64Array, b: Float64Array): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i] * b[i]
  return total
}

/** Every action alike. */
export const uniformPolicy = ({ rewards }: Mdp): PolicyTable =>
  rewards.map(({ length }) => new Float64Array(length).fill(1 / length))

/** The best action of each row, the first of equals (up to rounding, so that ties do not depend on it). */
export const greedyPolicy = (values: readonly Float64Array[]): PolicyTable =>
  values.map(row => {
    const best = row.reduce((most, value) => Math.max(most, value))
    const first = row.findIndex(value => value >= best - ROUNDING * Math.max(1, Math.abs(best)))
    return row.map((_, a) => (a === first ? 1 : 0))
  })

/** The best action by the next reward alone: what a perfect bandit chooses. */
export const myopicPolicy = ({ rewards }: Mdp): PolicyTable => greedyPolicy(rewards)
