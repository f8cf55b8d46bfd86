/**
 * Preferences that change: `abrupt` swaps the tastes of the groups once, `slow` turns them there and back over a period.
 * The clock is the number of the session, so that a run is the same at any speed. Random, and with an abrupt swap the
 * oracle too, earn the same before and after: only what was learned is worth less.
 */
import { createRandom, seedOf } from '../state/random.ts'
import type { Environment, Rates } from './environment.ts'
import { createPopulation, drawGroup, exactRates, groupState, mean, plainItems } from './population.ts'
import { act, visitSession } from './visits.ts'

export interface DriftingOptions {
  readonly drift: 'abrupt' | 'slow'
  /** Session at which tastes are swapped, or length of a slow turn in sessions. */
  readonly sessions: number
}

const DECISIONS = 4
/** Points of a slow turn over which its rates are averaged. */
const PHASES = 256

export function createDrifting({ drift, sessions }: DriftingOptions): Environment {
  const name = `drifting ${drift}`
  const population = createPopulation({ name: 'drifting', groups: 6, items: 10, from: 0.02, to: 0.6 })
  const { groups, itemIds, liking } = population
  /** The part, 0 to 1, that the other taste has. */
  const turned = (index: number): number =>
    drift === 'abrupt' ? (index < sessions ? 0 : 1) : (1 - Math.cos((2 * Math.PI * index) / sessions)) / 2
  const likingAt = (part: number): Float64Array[] =>
    liking.map((own, g) => own.map((value, item) => value + part * (otherTaste(liking, g)[item] - value)))
  return {
    name,
    preset,
    items: () => plainItems(itemIds),
    rates() {
      const parts =
        drift === 'abrupt' ? [0, 1] : Array.from({ length: PHASES }, (_, i) => turned((i * sessions) / PHASES))
      const how = 'enumerated over groups and the course of the drift; bestFixed: of all of it'
      return { ...averaged(population, parts.map(likingAt)), how }
    },
    session(index, seed) {
      const id = `d${seed}-${index}`
      const random = createRandom(seedOf(`${name}/${id}`))
      const group = drawGroup(population, random)
      const likes = likingAt(turned(index))[group]
      return visitSession({
        id,
        decisions: DECISIONS,
        context: groups[group].context,
        candidates: null,
        slots: 1,
        answer([shown]) {
          const expectedReward = likes[itemIds.indexOf(shown)]
          return { outcomes: random.uniform() < expectedReward ? [act('click', shown)] : [], expectedReward }
        },
      })
    },
  }
}

/** The taste that a group turns to: another group's, of the items in opposite order, so that favourites fall. */
const otherTaste = (liking: readonly Float64Array[], group: number): Float64Array =>
  liking[(group + 1) % liking.length].toReversed()

function averaged(population: Parameters<typeof exactRates>[0], course: readonly Float64Array[][]): Omit<Rates, 'how'> {
  const rates = course.map(liking => exactRates(population, liking))
  const overall = course[0].map((own, g) => own.map((_, item) => mean(course.map(liking => liking[g][item]))))
  return {
    random: mean(rates.map(each => each.random)),
    bestFixed: exactRates(population, overall).bestFixed,
    oracle: mean(rates.map(each => each.oracle)),
  }
}

const preset: Environment['preset'] = {
  state: groupState,
  policies: [{ rewards: { click: {} } }],
}
