/**
 * A finite population: groups of people who are alike, and how often each group likes each item. Small enough that every
 * rate is computed exactly by enumeration, so that an environment built on it knows its truth without sampling. The group
 * is told in the request's context; what a group likes is for the learner to find out.
 */
import type { Item } from '../../schemas/records.ts'
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Observation } from './environment.ts'

export interface Group {
  readonly share: number
  readonly context: Observation['context']
}

export interface Population {
  readonly groups: readonly Group[]
  readonly itemIds: readonly string[]
  /** Probability that a group likes an item, by group, then item. */
  readonly liking: readonly Float64Array[]
}

export interface PopulationOptions {
  readonly name: string
  readonly groups: number
  readonly items: number
  /** Range of the probabilities. */
  readonly from: number
  readonly to: number
}

/** Equal groups; tastes are half the item's own appeal, half the group's: a fixed item is good, not best. */
export function createPopulation({ name, groups, items, from, to }: PopulationOptions): Population {
  const random = createRandom(seedOf(`population/${name}`))
  const appeal = Float64Array.from({ length: items }, () => random.uniform())
  const likingOf = () => Float64Array.from(appeal, own => from + (to - from) * ((own + random.uniform()) / 2) ** 2)
  return {
    groups: Array.from({ length: groups }, (_, g) => ({ share: 1 / groups, context: { group: `g${g}` } })),
    itemIds: Array.from({ length: items }, (_, item) => `i${item}`),
    liking: Array.from({ length: groups }, likingOf),
  }
}

/** Index of a random group. */
export function drawGroup({ groups }: Pick<Population, 'groups'>, random: Random): number {
  let left = random.uniform()
  for (let g = 0; g < groups.length - 1; g++) {
    left -= groups[g].share
    if (left < 0) return g
  }
  return groups.length - 1
}

/** Mean over the groups by share. */
export const meanOver = ({ groups }: Pick<Population, 'groups'>, value: (group: number) => number): number =>
  groups.reduce((sum, { share }, g) => sum + share * value(g), 0)

export const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length

export interface ExactRates {
  readonly random: number
  readonly bestFixed: number
  readonly oracle: number
}

/** One item shown to a person of a random group.
 * @param value expected reward by group and item */
export function exactRates(population: Pick<Population, 'groups'>, value: readonly ArrayLike<number>[]): ExactRates {
  const items = Array.from(value[0], (_, item) => meanOver(population, g => value[g][item]))
  return {
    random: mean(items),
    bestFixed: Math.max(...items),
    oracle: meanOver(population, g => Math.max(...Array.from(value[g]))),
  }
}

/** Items that are known by id only. */
export const plainItems = (itemIds: readonly string[]): Item[] =>
  itemIds.map(item_id => ({ item_id, text: null, attributes: {}, available: true, time_ms: 0 }))

/** The group as hashed words, nothing else: a linear learner can say everything that there is to say. */
export const groupState = { blocks: ['context' as const], contextDimensions: 32, historyLength: 0 }
