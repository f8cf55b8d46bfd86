/**
 * A person takes one of two items or none by a conditional logit (v of none: 1). The popular item is taken most, for little, and
 * bores; the fine ones are taken seldom, for much, and win a person back. Rewards of the bored are half. Solved by plain
 * value iteration over all slates.
 */
import type { Transition } from '../../schemas/records.ts'
import type { Example } from '../../src/learner/learner.ts'
import { createRandom, type Random } from '../../src/state/random.ts'
import { exampleOf } from './examples.ts'

export const gamma = 0.7
export const items = ['popular', 'fine', 'good', 'dull'] as const
export const attraction = [12, 0.5, 0.5, 0.2]
const reward = [0.4, 1, 0.9, 0.5]
/** Once taken: 0 satisfied, 1 bored. */
const next = [1, 0, 0, 1]
export const vectors = items.map((_, i) => Float32Array.from(items, (_, j) => Number(i === j)))
export const states: readonly Float64Array[] = [Float64Array.of(1, 1, 0), Float64Array.of(1, 0, 1)]
export const slates = items.flatMap((_, a) => items.flatMap((_, b) => (a < b ? [[a, b]] : [])))

export const rewardOf = (s: number, item: number): number => (s === 0 ? 1 : 0.5) * reward[item]

/** P(i | A) of its items; none has the rest. */
export function choice(slate: readonly number[]): number[] {
  const total = slate.reduce((sum, item) => sum + attraction[item], 1)
  return slate.map(item => attraction[item] / total)
}

/** Q(s, A), given the value of states. */
function worth(s: number, slate: readonly number[], values: readonly number[], discount: number): number {
  const chances = choice(slate)
  const none = 1 - chances.reduce((sum, each) => sum + each, 0)
  return slate.reduce(
    (sum, item, slot) => sum + chances[slot] * (rewardOf(s, item) + discount * values[next[item]]),
    none * discount * values[s],
  )
}

/** Q of all slates by state. @param choose the value of a state, from what its slates are worth */
export function solve(choose: (worths: readonly number[]) => number, discount = gamma): number[][] {
  let worths: number[][] = states.map(() => slates.map(() => 0))
  for (let n = 0; n < 200; n++) {
    const values = worths.map(choose)
    worths = states.map((_, s) => slates.map(slate => worth(s, slate, values, discount)))
  }
  return worths
}

export const best = (worths: readonly number[]): number => Math.max(...worths)
export const mean = (worths: readonly number[]): number => worths.reduce((sum, each) => sum + each, 0) / worths.length

/** What a policy that shows slate `shown[s]` in state s is worth, mean of both states. */
export function returnOf(shown: readonly (readonly number[])[]): number {
  let values = [0, 0]
  for (let n = 0; n < 200; n++) values = shown.map((slate, s) => worth(s, slate, values, gamma))
  return mean(values)
}

/** One session of `count` slates of chance: one transition a slot, with its reward and what came next. */
export function played(count: number, seed: number, changes: Partial<Transition> = {}): Example[] {
  const random = createRandom(seed)
  const decisions: { s: number; slate: number[]; taken: number }[] = []
  for (let n = 0, s = 0; n < count; n++) {
    const slate = slates[Math.floor(random.uniform() * slates.length)]
    const taken = taking(slate, random)
    decisions.push({ s, slate, taken })
    if (taken >= 0) s = next[slate[taken]]
  }
  return decisions.slice(0, -1).flatMap(({ s, slate, taken }, n) =>
    slate.map((item, slot) => {
      const transition: Partial<Transition> = {
        transition_id: `${seed}-${n}/${slot}`,
        decision_id: `${seed}-${n}`,
        slot,
        slots: slate.length,
        next_decision_id: `${seed}-${n + 1}`,
        candidates: items.map(item_id => ({
          item_id,
          feature_version: 0,
          source: 'request',
          inclusion_probability: 1,
        })),
        action: [items[item]],
        cumulative: slot === taken ? { click: rewardOf(s, item) } : {},
        discount: gamma,
        ...changes,
      }
      const nextState = states[decisions[n + 1].s]
      return exampleOf(states[s], transition, { candidates: vectors, nextState, nextCandidates: vectors })
    }),
  )
}

/** The slot that is taken, -1: none. */
function taking(slate: readonly number[], random: Random): number {
  let left = random.uniform()
  return choice(slate).findIndex(chance => {
    left -= chance
    return left < 0
  })
}
