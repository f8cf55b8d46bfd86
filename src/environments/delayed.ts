/**
 * Rewards that come late: a purchase follows its decision by hours, and while it may still come, nothing tells it from
 * none. One of the best items is new: requests offer it only from a session on, when all others have their history.
 * An hour's length is a setting, so that a live demo of minutes sees hours go by.
 */
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Environment } from './environment.ts'
import { createPopulation, drawGroup, exactRates, groupState, plainItems } from './population.ts'
import { act, visitSession } from './visits.ts'

export interface DelayedOptions {
  /** Mean time from a decision to its purchase, hours; 0: at once. Delays are exponential. */
  readonly delayHours: number
  /** Session from which the new item is offered. */
  readonly newItemFrom: number
  /** Length of an hour, ms. */
  readonly hourMs: number
}

const DECISIONS = 4
/** The new item is the best of this part of the groups, by this factor. */
const NEW_LIKED_BY = 0.5
const NEW_FACTOR = 1.3

export function createDelayed({ delayHours, newItemFrom, hourMs }: DelayedOptions): Environment {
  const population = createPopulation({ name: 'delayed', groups: 6, items: 10, from: 0.02, to: 0.5 })
  const { groups, itemIds } = population
  const newItem = itemIds.length - 1
  const liking = population.liking.map((own, g) => withNew(own, newItem, g < groups.length * NEW_LIKED_BY))
  const before = itemIds.filter((_, item) => item !== newItem)
  return {
    name: 'delayed',
    preset: presetFor(hourMs),
    items: () => plainItems(itemIds),
    rates: () => ({ ...exactRates(population, liking), how: 'enumerated over groups, the new item on offer' }),
    session(index, seed) {
      const id = `l${seed}-${index}`
      const random = createRandom(seedOf(`delayed/${id}`))
      const group = drawGroup(population, random)
      return visitSession({
        id,
        decisions: DECISIONS,
        context: groups[group].context,
        candidates: index < newItemFrom ? before : itemIds,
        slots: 1,
        answer([shown]) {
          const expectedReward = liking[group][itemIds.indexOf(shown)]
          const bought = random.uniform() < expectedReward
          const delayMs = Math.round(exponential(random) * delayHours * hourMs)
          return { outcomes: bought ? [act('purchase', shown, { delayMs })] : [], expectedReward }
        },
      })
    },
  }
}

const exponential = (random: Random): number => -Math.log(1 - random.uniform())

const withNew = (own: Float64Array, item: number, liked: boolean): Float64Array =>
  own.with(item, liked ? NEW_FACTOR * Math.max(...own) : Math.min(...own))

const presetFor = (hourMs: number): Environment['preset'] => ({
  state: groupState,
  policies: [{ rewards: { purchase: {} }, attributionWindowMs: 24 * hourMs, weighing: { delays: true } }],
})
