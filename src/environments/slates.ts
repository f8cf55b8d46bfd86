/**
 * Slates whose lower places are seldom looked at: the position-based model (Craswell et al., WSDM 2008), in which a click
 * is an examination, by position alone, and a liking, by person and item alone. Who reads clicks as they are takes what
 * stood on top for what is best. The true order of the items is known: that of their liking.
 */
import { createRandom, seedOf } from '../state/random.ts'
import type { Act, Environment } from './environment.ts'
import { createPopulation, drawGroup, groupState, mean, meanOver, plainItems } from './population.ts'
import { act, visitSession } from './visits.ts'

/** Probability that a place of the slate is looked at. */
export const examination = [1, 0.6, 0.4, 0.28, 0.2] as const
const DECISIONS = 3

export interface SlatesEnvironment extends Environment {
  /** Mean liking by item id. */
  readonly liking: ReadonlyMap<string, number>
}

export function createSlates(): SlatesEnvironment {
  const population = createPopulation({ name: 'slates', groups: 4, items: 12, from: 0.05, to: 0.7 })
  const { groups, itemIds, liking } = population
  const worth = (likings: ArrayLike<number>): number => {
    const best = Array.from(likings).sort((a, b) => b - a)
    return examination.reduce((sum, looked, place) => sum + looked * best[place], 0)
  }
  const overall = itemIds.map((_, item) => meanOver(population, g => liking[g][item]))
  return {
    name: 'slates',
    preset,
    liking: new Map(itemIds.map((id, item) => [id, overall[item]])),
    items: () => plainItems(itemIds),
    rates: () => ({
      random: mean(overall) * examination.reduce<number>((sum, looked) => sum + looked, 0),
      bestFixed: worth(overall),
      oracle: meanOver(population, g => worth(liking[g])),
      how: 'enumerated over groups: expected clicks a slate; bestFixed is one slate for all',
    }),
    session(index, seed) {
      const id = `p${seed}-${index}`
      const random = createRandom(seedOf(`slates/${id}`))
      const group = drawGroup(population, random)
      return visitSession({
        id,
        decisions: DECISIONS,
        context: groups[group].context,
        candidates: null,
        slots: examination.length,
        answer(slate) {
          const outcomes: Act[] = []
          let expectedReward = 0
          slate.forEach((shown, place) => {
            const probability = examination[place] * liking[group][itemIds.indexOf(shown)]
            expectedReward += probability
            if (random.uniform() < probability) outcomes.push(act('click', shown))
          })
          return { outcomes, expectedReward }
        },
      })
    },
  }
}

const preset: Environment['preset'] = {
  state: groupState,
  policies: [{ rewards: { click: {} }, weighing: { positions: true } }],
}
