/**
 * A person is satisfied or bored. Bait earns 1 of the satisfied and bores them, .2 of the bored; substance earns .8 of the
 * satisfied and 0 of the bored, whom it wins back. At γ = .8 substance is best for both: V* = .8 / (1 − γ) = 4, and γ 4 = 3.2;
 * bait is worth 1 + γ 3.2 = 3.56 and .2 + γ 3.2 = 2.76. Who looks at the next reward only takes bait from both.
 */
import type { Transition } from '../../schemas/records.ts'
import type { Example } from '../../src/learner/learner.ts'
import { createRandom } from '../../src/state/random.ts'
import { exampleOf } from './examples.ts'

export const gamma = 0.8
export const items = ['bait', 'substance'] as const
export const vectors = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
/** Satisfied, bored. */
export const states: readonly Float64Array[] = [Float64Array.of(1, 1, 0), Float64Array.of(1, 0, 1)]
export const rewards = [
  [1, 0.8],
  [0.2, 0],
]
/** By item: bait bores, substance satisfies. */
export const next = [1, 0]
/** By state and item. */
export const optimal = [
  [3.56, 4],
  [2.76, 3.2],
]

/** What choosing item `choice[s]` in state s is worth, mean of both states. */
export function worth(chanceOfSubstance: readonly number[]): number {
  let values = [0, 0]
  for (let n = 0; n < 200; n++)
    values = states.map((_, s) =>
      items.reduce((sum, _, a) => {
        const chance = a === 1 ? chanceOfSubstance[s] : 1 - chanceOfSubstance[s]
        return sum + chance * (rewards[s][a] + gamma * values[next[a]])
      }, 0),
    )
  return (values[0] + values[1]) / 2
}

/** (J − random) / (J* − random). */
export const normalised = (chanceOfSubstance: readonly number[]): number =>
  (worth(chanceOfSubstance) - worth([0.5, 0.5])) / (worth([1, 1]) - worth([0.5, 0.5]))

/** `count` decisions of one session as a log of chance has them, each with its reward and what came next. */
export function played(count: number, seed: number, changes: Partial<Transition> = {}): Example[] {
  const random = createRandom(seed)
  let s = 0
  return Array.from({ length: count }, (_, n) => {
    const a = random.uniform() < 0.5 ? 0 : 1
    const [from, to] = [s, next[a]]
    s = to
    const transition = {
      transition_id: `${seed}-${n}/0`,
      decision_id: `${seed}-${n}`,
      next_decision_id: `${seed}-${n + 1}`,
      candidates: items.map(item_id => ({ item_id, feature_version: 0, source: 'request', inclusion_probability: 1 })),
      action: [items[a]],
      cumulative: { click: rewards[from][a] },
      discount: gamma,
      decision_time_ms: 1000 * n,
    }
    return exampleOf(
      states[from],
      { ...transition, ...changes },
      { candidates: vectors, nextState: states[to], nextCandidates: vectors },
    )
  })
}
