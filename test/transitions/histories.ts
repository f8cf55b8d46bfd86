/** Random histories for the property tests: small worlds in which everything that can collide does. */
import fc from 'fast-check'
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import { at, decision, makeConfig } from './make.ts'

export interface History {
  readonly config: Config
  readonly decisions: readonly Recommendation[]
  readonly events: readonly BehaviorEvent[]
}

const aggregate = fc.constantFrom('sum', 'first', 'last', 'max', 'min', 'mean', 'count')

const way = fc.constantFrom('last-touch', 'last-touch', 'first-touch', 'even-split')

const config = fc
  .record({
    gamma: fc.constantFrom(0, 0.9, 1),
    learn: fc.constantFrom('immediately', 'at-close'),
    click: aggregate,
    rating: aggregate,
    fallback: fc.constantFrom({}, { click: -1 }, { click: 0.5, other: 2 }),
    ways: fc.tuple(way, way),
    backwardWindowMs: fc.constantFrom(0, 0, 4000),
    second: fc.constantFrom({ click: {} }, { click: {}, rating: { value: 'value' as const } }),
  })
  .map(({ gamma, learn, click, rating, fallback, ways, backwardWindowMs, second }) => {
    const rewards = {
      click: { value: 1, aggregate: click },
      rating: { value: 'value', aggregate: rating },
      refund: { cancels: 'rating' },
    } as const
    const defaultReward = fallback as Record<string, number>
    return makeConfig(
      { gamma, learn, rewards, defaultReward, attribution: ways[0], backwardWindowMs } as never,
      { name: 'second', gamma: 0.5, rewards: second, attribution: ways[1] } as never,
    )
  })

/** Times on a grid of half seconds, so that ties happen. */
const seconds = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: most * 2 }).map(half => half / 2)
const user = fc.constantFrom('u', 'v')
const items = fc.constantFrom(['a'], ['a'], ['b'], ['a', 'b'], ['c', 'a', 'b'], [])

const decisions = fc.array(
  fc.record({
    seconds: seconds(20),
    items,
    user_id: user,
    session_id: fc.constantFrom('s', 't'),
    session_step: fc.integer({ min: 0, max: 2 }),
    policy: fc.constantFrom('default', 'default', 'second'),
    deferred: fc.constantFrom(false, false, false, true),
    shed: fc.constantFrom(false, false, false, false, true),
    reason: fc.constantFrom('', '', '', '', 'expired'),
    pass_probability: fc.constantFrom(1, 0.5),
  }),
  { minLength: 1, maxLength: 7, size: 'max' },
)

const events = fc.array(
  fc.record({
    seconds: fc.oneof(
      { weight: 8, arbitrary: seconds(25) },
      { weight: 2, arbitrary: seconds(90) },
      { weight: 1, arbitrary: fc.constantFrom(-400, -299) },
    ),
    type: fc.constantFrom('click', 'click', 'rating', 'rating', 'refund', 'impression', 'leave', 'activate', 'view'),
    user_id: fc.constantFrom('u', 'u', 'v'),
    named: fc.option(fc.integer({ min: 0, max: 7 }), { nil: null, freq: 2 }),
    ownUser: fc.constantFrom(true, true, true, false),
    session_id: fc.constantFrom(null, 's', 't'),
    item_id: fc.constantFrom(null, 'a', 'a', 'b', 'c'),
    slot: fc.constantFrom(null, null, null, 0, 1),
    slate_hash: fc.constantFrom(null, null, null, 'other'),
    value: fc.constantFrom(null, -2, 0.1, 3),
  }),
  { maxLength: 14, size: 'max' },
)

export const history: fc.Arbitrary<History> = fc.record({ config, decisions, events }).map(raw => {
  const made = raw.decisions.map(({ seconds, ...rest }, i) => decision(`d${i}`, seconds, rest))
  const occurred = raw.events.map(({ seconds, named, ownUser, ...rest }, i): BehaviorEvent => {
    const of = named === null ? undefined : made[named]
    const decision_id = named === null ? null : (of?.decision_id ?? 'nowhere')
    const user_id = of && ownUser ? of.user_id : rest.user_id
    return { ...rest, event_id: `e${i}`, decision_id, user_id, time_ms: at(seconds) }
  })
  return { config: raw.config, decisions: made, events: occurred }
})
