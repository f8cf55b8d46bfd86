/** People, their events and requests, each following from its number; items; and a model that costs next to nothing. */
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import { createFeatureStore, vectorToBytes } from '../../src/features/store.ts'
import type { Policy } from '../../src/models/policy.ts'
import { createRandom, type Random } from '../../src/state/random.ts'
import type { PastInteraction, Person, Session } from '../../src/state/user.ts'

export const ITEMS = 1000
const CANDIDATES = 20
const DIMENSIONS = 32
/** A new one comes every half hour. */
const APART_MS = 1_800_000

const itemName = (index: number): string => `item-${index}`
export const userName = (index: number): string => `user-${index}`
const below = (random: Random, limit: number): number => Math.floor(random.uniform() * limit)

export function catalogue() {
  const random = createRandom(1)
  const store = createFeatureStore()
  for (let index = 0; index < ITEMS; index++)
    store.put({
      feature_key: `${itemName(index)}@1`,
      item_id: itemName(index),
      feature_version: 1,
      encoder_version: 'bench',
      vector: vectorToBytes(Float32Array.from({ length: DIMENSIONS }, () => random.normal())),
      attributes: {},
      available: true,
      time_ms: 1,
    })
  return store
}

/** @param length interactions in the history */
export function personOf(index: number, length: number, nowMs: number): Person {
  const random = createRandom(index)
  const history = Array.from(
    { length },
    (_, age): PastInteraction => ({
      eventHash: random.uniform() * 2 ** 32,
      itemId: itemName(below(random, ITEMS)),
      type: below(random, 4) === 0 ? 'click' : 'view',
      timeMs: nowMs - (age + 1) * APART_MS,
      value: 1,
    }),
  )
  return { history, counts: { view: 400, click: 60, impression: 3000 }, profile: null }
}

export const sessionOf = (index: number, nowMs: number): readonly Session[] => [
  {
    policy: 'default',
    id: `${userName(index)}~request-${index}-0`,
    lastDecisionId: `request-${index}-4`,
    step: 5,
    lastTimeMs: nowMs - APART_MS,
  },
]

export const eventOf = (user: number, number: number, timeMs: number): BehaviorEvent => ({
  event_id: `event-${user}-${number}-5b77aa`,
  user_id: userName(user),
  session_id: null,
  decision_id: null,
  item_id: itemName(number % ITEMS),
  slot: null,
  type: number % 4 === 0 ? 'click' : 'view',
  slate_hash: null,
  value: null,
  time_ms: timeMs,
})

export const requestOf = (user: number, number: number, timeMs: number): Request => ({
  request_id: `request-${user}-${number}-c01d5e`,
  user_id: userName(user),
  session_id: null,
  policy: 'default',
  time_ms: timeMs,
  deadline_ms: null,
  slots: 1,
  context: { hour: 13, device: 'phone' },
  candidates: Array.from({ length: CANDIDATES }, (_, i) => itemName((number * 7 + i * 41) % ITEMS)),
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
})

/** Scores an item by the product of its vector with the beginning of the state. */
export const policy: Policy = {
  version: '000001',
  algorithm: 'linear-gaussian',
  scorer(state, { vectors }) {
    const mean = Float64Array.from(vectors, vector => vector.reduce((sum, x, d) => sum + x * (state[d] ?? 0), 0))
    const deviation = new Float64Array(vectors.length).fill(0.1)
    return { mean, deviation }
  },
}
