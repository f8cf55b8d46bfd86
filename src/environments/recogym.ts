/**
 * RecoGym as an environment: a person of recogym-person.ts a session, one product a request. Views are organic `view`
 * events, a click is the outcome. Product `a` is item `p<a>`, without text: the world knows products by number only.
 */
import { createRandom, seedOf } from '../state/random.ts'
import type { Act, Environment, Observation, Rates, Session } from './environment.ts'
import { Person } from './recogym-person.ts'
import { computeRates, computeReturns } from './recogym-rates.ts'
import type { World } from './recogym-world.ts'
import { leave } from './visits.ts'

export interface RecogymOptions {
  readonly world: World
  /** Time from a decision to its click, ms. Default 0. */
  readonly clickDelayMs?: number
  /** Sessions count whole: a click keeps people, and of those who do not click this part leaves each time. */
  readonly leaveBandit?: number
}

export const itemId = (product: number): string => `p${product}`
const productOf = (id: string): number => Number(id.slice(1))

export function createRecogym({ world, clickDelayMs = 0, leaveBandit }: RecogymOptions): Environment {
  const isSession = leaveBandit !== undefined
  let rates: Rates | undefined = isSession ? undefined : world.rates
  const name = `recogym ${world.name}`
  return {
    name: isSession ? `${name} sessions` : name,
    preset: preset(world.products, isSession ? 1 : 0),
    items: () =>
      world.gamma.map((_, product) => ({
        item_id: itemId(product),
        text: null,
        attributes: {},
        available: true,
        time_ms: 0,
      })),
    rates() {
      rates ??= computeRates(world, 400_000, leaveBandit)
      return rates
    },
    ...(isSession && { returns: () => computeReturns(world, 400_000, leaveBandit) }),
    session(index, seed) {
      const id = `s${seed}-${index}`
      const person = new Person(world, createRandom(seedOf(`${name}/${id}`)), leaveBandit)
      return session(person, { id, clickDelayMs, leaves: isSession })
    },
  }
}

interface Told {
  readonly id: string
  readonly clickDelayMs: number
  /** Who goes says so. */
  readonly leaves: boolean
}

function session(person: Person, { id, clickDelayMs, leaves }: Told): Session {
  const observe = (): Observation => {
    const views = person.browse().map(product => act('view', product, 0))
    const done = person.phase === 'gone'
    return { organic: done && leaves ? [...views, leave] : views, candidates: null, context: {}, slots: 1, done }
  }
  return {
    userId: `u${id}`,
    sessionId: id,
    reset: observe,
    step([shown]) {
      const product = productOf(shown)
      const expectedReward = person.clickProbability(product)
      const clicked = person.show(product)
      return { outcomes: clicked ? [act('click', product, clickDelayMs)] : [], expectedReward, next: observe() }
    },
  }
}

const act = (type: string, product: number, delayMs: number): Act => ({
  type,
  itemId: itemId(product),
  value: null,
  delayMs,
})

/** As many dimensions as products make the mean of views
 * the share of views per product, exactly; the history has views only, since clicks are the policy's own doing. */
function preset(products: number, gamma: number): Environment['preset'] {
  return {
    features: { encoder: 'hashed', dimensions: products },
    state: { blocks: ['history'], historyLength: 50, typeWeights: { view: 1 } },
    policies: [
      gamma > 0
        ? { rewards: { click: {} }, gamma }
        : { algorithm: 'linear-gaussian', rewards: { click: {} }, explorer: { name: 'thompson' } },
    ],
  }
}
