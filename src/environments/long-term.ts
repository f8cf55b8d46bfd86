/**
 * Long-term satisfaction, after Choc and Kale of RecSim (Ie et al. 2019, arXiv 1909.04847, section 4), with levels instead of a
 * real number, so that it is solved exactly. How much a person takes from anything depends on how satisfied they are:
 *   P(click | item, level x) = appeal · 1 / (1 + exp(-10 (x/9 - .4))),   x = 0 … 9, told in the request's context.
 * Clickbait appeals most and lowers x by one with probability .9; what is wholesome appeals least and raises it by one with .9;
 * the rest leaves x alone, but for .1 either way. A click earns 1. After each decision the person leaves with probability .1
 * and never comes back: 10 decisions a session on average, whatever is decided. It starts at any level alike.
 *
 * J is the expected number of clicks of a session: γ is 1, and it is the leaving that discounts (by .9 a decision), so that J does not
 * depend on the time between decisions. Optimal is to show what is wholesome up to level 6 and clickbait from 7 on: no
 * item is good everywhere, and who takes the next click always, or is deaf to x, earns less than chance or little more.
 */
import type { Item } from '../../schemas/records.ts'
import { createRandom, seedOf } from '../state/random.ts'
import type { Mdp } from '../tabular/mdp.ts'
import type { Environment, Observation } from './environment.ts'
import { finiteRates, finiteReturns } from './finite.ts'
import { act, leave } from './visits.ts'

interface Offer {
  readonly id: string
  readonly kind: 'clickbait' | 'wholesome' | 'plain'
  readonly appeal: number
  /** Probability that the level goes up, and down, by one. */
  readonly up: number
  readonly down: number
}

const offers: readonly Offer[] = [
  { id: 'i0', kind: 'clickbait', appeal: 0.9, up: 0, down: 0.9 },
  { id: 'i1', kind: 'clickbait', appeal: 0.8, up: 0, down: 0.9 },
  { id: 'i2', kind: 'wholesome', appeal: 0.4, up: 0.9, down: 0 },
  { id: 'i3', kind: 'wholesome', appeal: 0.3, up: 0.9, down: 0 },
  { id: 'i4', kind: 'plain', appeal: 0.5, up: 0.1, down: 0.1 },
  { id: 'i5', kind: 'plain', appeal: 0.5, up: 0.2, down: 0.2 },
]
const LEVELS = 10
const LEAVE = 0.1

const clickProbability = ({ appeal }: Offer, level: number): number =>
  appeal / (1 + Math.exp(-10 * (level / (LEVELS - 1) - 0.4)))

/** Where the level goes. @param u uniform in [0, 1) */
const moved = ({ up, down }: Offer, level: number, u: number): number =>
  Math.min(LEVELS - 1, Math.max(0, level + (u < up ? 1 : u < up + down ? -1 : 0)))

export const levels = Array.from({ length: LEVELS }, (_, level) => level)

const mdp: Mdp = {
  discount: 1,
  initial: new Float64Array(LEVELS).fill(1 / LEVELS),
  rewards: levels.map(level => Float64Array.from(offers, offer => clickProbability(offer, level))),
  transitions: levels.map(level =>
    offers.map(offer => {
      const { up, down } = offer
      const row = new Float64Array(LEVELS)
      const stays = { probability: 1 - up - down, u: up + down }
      for (const { probability, u } of [{ probability: up, u: 0 }, { probability: down, u: up }, stays])
        row[moved(offer, level, u)] += (1 - LEAVE) * probability
      return row
    }),
  ),
}

const observe = (level: number, done = false): Observation => ({
  organic: done ? [leave] : [],
  candidates: null,
  // around 0, as networks like their inputs
  context: { satisfaction: (2 * level) / (LEVELS - 1) - 1 },
  slots: 1,
  done,
})

export function createLongTerm(): Environment {
  return {
    name: 'long-term',
    preset,
    items: () => offers.map(itemOf),
    rates: () => finiteRates(mdp),
    returns: () => finiteReturns(mdp),
    finite: { mdp, slates: offers.map(({ id }) => [id]), observe },
    session(index, seed) {
      const id = `t${seed}-${index}`
      const random = createRandom(seedOf(`long-term/${id}`))
      let level = Math.floor(LEVELS * random.uniform())
      return {
        userId: `u${id}`,
        sessionId: id,
        reset: () => observe(level),
        step([shown]) {
          const offer = offers.find(each => each.id === shown)!
          const expectedReward = clickProbability(offer, level)
          const outcomes = random.uniform() < expectedReward ? [act('click', shown)] : []
          level = moved(offer, level, random.uniform())
          return { outcomes, expectedReward, next: observe(level, random.uniform() < LEAVE) }
        },
      }
    },
  }
}

const itemOf = ({ id, kind }: Offer): Item => ({
  item_id: id,
  text: null,
  attributes: { kind },
  available: true,
  time_ms: 0,
})

const preset: Environment['preset'] = {
  features: { encoder: 'hashed', dimensions: 8 },
  state: { blocks: ['numbers'], numbers: ['satisfaction'], historyLength: 0 },
  policies: [{ rewards: { click: {} }, gamma: 1 }],
}
