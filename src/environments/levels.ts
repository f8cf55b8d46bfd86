/**
 * Worlds in which all that carries on from decision to decision is a level, told in the request's context: finite, so solved exactly. A
 * session starts at any level alike and is observed for so many decisions; then it is truncated: the person goes on, unseen.
 */
import type { ConfigInput } from '../config.ts'
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Mdp } from '../tabular/mdp.ts'
import type { Act, Environment, Observation } from './environment.ts'
import { finiteRates, finiteReturns } from './finite.ts'

export interface LevelWorld {
  readonly name: string
  /** Before the ids of its people. */
  readonly letter: string
  readonly items: readonly { readonly id: string; readonly kind: string }[]
  /** One state a level. */
  readonly mdp: Mdp
  /** The actions of the process. */
  readonly slates: readonly (readonly string[])[]
  readonly slots: number
  /** Decisions that are observed. */
  readonly observed: number
  readonly policy: NonNullable<ConfigInput['policies']>[number]
  /** What comes of a slate, and the level after it. */
  step(slate: readonly string[], level: number, random: Random): Turn
}

export interface Turn {
  readonly outcomes: readonly Act[]
  readonly expectedReward: number
  readonly level: number
}

export const levelsOf = (count: number): number[] => Array.from({ length: count }, (_, level) => level)

/** Of `count` levels. */
export const within = (level: number, count: number): number => Math.min(count - 1, Math.max(0, level))

export function createLevelWorld(world: LevelWorld): Environment {
  const { name, letter, items, mdp, slates, slots, observed } = world
  const levels = mdp.initial.length
  const observe = (level: number, done = false): Observation => ({
    organic: [],
    candidates: null,
    // around 0, as networks like their inputs
    context: { satisfaction: (2 * level) / (levels - 1) - 1 },
    slots,
    done,
  })
  return {
    name,
    preset: {
      features: { encoder: 'hashed', dimensions: 8 },
      state: { blocks: ['numbers'], numbers: ['satisfaction'], historyLength: 0 },
      policies: [{ ...world.policy, gamma: mdp.discount }],
    },
    items: () =>
      items.map(({ id, kind }) => ({ item_id: id, text: null, attributes: { kind }, available: true, time_ms: 0 })),
    discount: mdp.discount,
    rates: () => finiteRates(mdp, observed),
    returns: () => finiteReturns(mdp),
    finite: { mdp, slates, observe },
    session(index, seed) {
      const id = `${letter}${seed}-${index}`
      const random = createRandom(seedOf(`${name}/${id}`))
      let level = Math.floor(levels * random.uniform())
      let left = observed
      return {
        userId: `u${id}`,
        sessionId: id,
        reset: () => observe(level),
        step(slate) {
          const { outcomes, expectedReward, level: after } = world.step(slate, level, random)
          level = after
          return { outcomes, expectedReward, next: observe(level, --left === 0) }
        },
      }
    },
  }
}
