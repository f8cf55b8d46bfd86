/**
 * RecoGym as an environment: a person of recogym-person.ts a session, one product a request. Views are organic `view`
 * events, a click is the outcome. Product `a` is item `p<a>`, without text: the world knows products by number only.
 */
import { createRandom, seedOf } from '../state/random.ts'
import type { Act, Environment, Observation, Rates, Session } from './environment.ts'
import { Person } from './recogym-person.ts'
import { computeRates } from './recogym-rates.ts'
import type { World } from './recogym-world.ts'

export interface RecogymOptions {
  readonly world: World
  /** Time from a decision to its click, ms. Default 0. */
  readonly clickDelayMs?: number
}

export const itemId = (product: number): string => `p${product}`
const productOf = (id: string): number => Number(id.slice(1))

export function createRecogym({ world, clickDelayMs = 0 }: RecogymOptions): Environment {
  let rates: Rates | undefined = world.rates
  const name = `recogym ${world.name}`
  return {
    name,
    preset: preset(world.products),
    items: () =>
      world.gamma.map((_, product) => ({
        item_id: itemId(product),
        text: null,
        attributes: {},
        available: true,
        time_ms: 0,
      })),
    rates() {
      rates ??= computeRates(world, 400_000)
      return rates
    },
    session(index, seed) {
      const id = `s${seed}-${index}`
      return session(new Person(world, createRandom(seedOf(`${name}/${id}`))), id, clickDelayMs)
    },
  }
}

function session(person: Person, id: string, clickDelayMs: number): Session {
  const observe = (): Observation => ({
    organic: person.browse().map(product => act('view', product, 0)),
    candidates: null,
    context: {},
    slots: 1,
    done: person.phase === 'gone',
  })
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
function preset(products: number): Environment['preset'] {
  return {
    features: { encoder: 'hashed', dimensions: products },
    state: { blocks: ['history'], historyLength: 50, typeWeights: { view: 1 } },
    policies: [
      {
        algorithm: 'linear-gaussian',
        rewards: { click: {} },
        explorer: { name: 'thompson' },
      },
    ],
  }
}
