/** Textbook processes whose values are known. */
import type { Mdp } from '../../src/tabular/mdp.ts'

export const close = (actual: number, expected: number, within = 1e-9): boolean =>
  Math.abs(actual - expected) <= within * Math.max(1, Math.abs(expected))

/** @param step where an action leads, null: the end; and its reward */
function deterministic(
  states: number,
  actions: number,
  discount: number,
  step: (state: number, action: number) => { to: number | null; reward: number },
): Mdp {
  const each = <T>(make: (s: number, a: number) => T) =>
    Array.from({ length: states }, (_, s) => Array.from({ length: actions }, (_, a) => make(s, a)))
  return {
    discount,
    initial: new Float64Array(states).fill(1 / states),
    transitions: each((s, a) => {
      const row = new Float64Array(states)
      const { to } = step(s, a)
      if (to !== null) row[to] = 1
      return row
    }),
    rewards: each((s, a) => step(s, a).reward).map(row => Float64Array.from(row)),
  }
}

const moves = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const

/** Sutton & Barto 2018, example 4.1: 4 x 4, two corners end, -1 a step, no discount. States: the 14 others in order. */
export const smallGrid = deterministic(14, 4, 1, (state, action) => {
  const cell = state + 1
  const [row, column] = [(cell >> 2) + moves[action][0], (cell & 3) + moves[action][1]]
  const to = row < 0 || row > 3 || column < 0 || column > 3 ? cell : 4 * row + column
  return { to: to === 0 || to === 15 ? null : to - 1, reward: -1 }
})

/** Sutton & Barto 2018, example 3.5: 5 x 5; from A +10 to A', from B +5 to B', off the grid -1; γ = .9. */
export const largeGrid = deterministic(25, 4, 0.9, (state, action) => {
  if (state === 1) return { to: 21, reward: 10 }
  if (state === 3) return { to: 13, reward: 5 }
  const [row, column] = [Math.floor(state / 5) + moves[action][0], (state % 5) + moves[action][1]]
  if (row < 0 || row > 4 || column < 0 || column > 4) return { to: state, reward: -1 }
  return { to: 5 * row + column, reward: 0 }
})

/** Sutton & Barto 2018, example 4.3: capital 1 to 99, stakes 1 to min(s, 100 - s), heads with probability p; 1 for 100. */
export function gamblers(p: number): Mdp {
  const capitals = Array.from({ length: 99 }, (_, i) => i + 1)
  const stakes = (s: number) => Array.from({ length: Math.min(s, 100 - s) }, (_, i) => i + 1)
  const row = (s: number, stake: number) => {
    const next = new Float64Array(99)
    if (s + stake < 100) next[s + stake - 1] += p
    if (s - stake > 0) next[s - stake - 1] += 1 - p
    return next
  }
  return {
    discount: 1,
    initial: new Float64Array(99).fill(1 / 99),
    transitions: capitals.map(s => stakes(s).map(stake => row(s, stake))),
    rewards: capitals.map(s => Float64Array.from(stakes(s), stake => (s + stake === 100 ? p : 0))),
  }
}

/** In state 0 stay for 1, or go for 0; in state 1 stay for 2. Each step ends with probability `end`. */
export function chain(discount: number, end: number): Mdp {
  const on = 1 - end
  return {
    discount,
    initial: Float64Array.of(1, 0),
    transitions: [[Float64Array.of(on, 0), Float64Array.of(0, on)], [Float64Array.of(0, on)]],
    rewards: [Float64Array.of(1, 0), Float64Array.of(2)],
  }
}
