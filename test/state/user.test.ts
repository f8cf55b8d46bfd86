import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { seedOf } from '../../src/state/random.ts'
import { applyEvent, applyProfile, newUser, snapshotOf, type UserState } from '../../src/state/user.ts'
import { event, nowMs, profile } from '../ranker/fixtures.ts'

const { state: config } = parseConfig({ state: { historyLength: 3 } })
const after = (events: readonly Partial<BehaviorEvent>[], from: UserState = newUser): UserState =>
  events.reduce((user, over) => applyEvent(user, event(over), config), from)

const histories: {
  name: string
  events: readonly Partial<BehaviorEvent>[]
  ids: string
  counts: Record<string, number>
}[] = [
  { name: 'none', events: [], ids: '', counts: {} },
  {
    name: 'newest first by event time, whatever the order of arrival',
    events: [2, 3, 1].map(i => ({ event_id: `${i}`, time_ms: i })),
    ids: '321',
    counts: { click: 3 },
  },
  {
    name: 'of equal times the later arrival first',
    events: [{ event_id: 'a' }, { event_id: 'b' }],
    ids: 'ba',
    counts: { click: 2 },
  },
  {
    name: 'a full history drops its oldest',
    events: [1, 2, 3, 4].map(i => ({ event_id: `${i}`, time_ms: i })),
    ids: '432',
    counts: { click: 4 },
  },
  {
    name: 'an event older than a full history is only counted',
    events: [2, 3, 4, 1].map(i => ({ event_id: `${i}`, time_ms: i })),
    ids: '432',
    counts: { click: 4 },
  },
  {
    name: 'a repeated event is ignored',
    events: [{ event_id: 'a' }, { event_id: 'a' }],
    ids: 'a',
    counts: { click: 1 },
  },
  {
    name: 'types without a weight, and events about no item, are only counted',
    events: [
      { event_id: 'a', type: 'impression' },
      { event_id: 'b', type: 'toString' },
      { event_id: 'c', type: '__proto__' },
      { event_id: 'd', item_id: null },
      { event_id: 'e' },
    ],
    ids: 'e',
    counts: { impression: 1, toString: 1, other: 1, click: 2 },
  },
]
for (const { name, events, ids, counts } of histories)
  test(`history: ${name}`, () => {
    const user = after(events)
    assert.deepEqual(
      user.history.map(past => past.eventHash),
      [...ids].map(id => seedOf(id)),
    )
    assert.deepEqual(user.counts, counts)
  })

test('values are replaced, never mutated', () => {
  const before = after([{ event_id: 'a' }])
  const copy = structuredClone(before)
  after([{ event_id: 'b' }, { event_id: 'c' }, { event_id: 'd' }], before)
  applyProfile(before, profile())
  assert.deepEqual(before, copy)
})

test('a history of length 0 stays empty', () => {
  const user = applyEvent(newUser, event(), { ...config, historyLength: 0 })
  assert.deepEqual([user.history, user.counts], [[], { click: 1 }])
})

test('an older profile does not replace a newer one', () => {
  const newer = profile({ profile_version: 2, time_ms: nowMs })
  const older = profile({ profile_version: 1, time_ms: nowMs - 1 })
  assert.equal(applyProfile(applyProfile(newUser, newer), older).profile?.profile_version, 2)
  assert.equal(applyProfile(applyProfile(newUser, older), newer).profile?.profile_version, 2)
})

test('a snapshot looks feature versions up, and an event a little ahead of the clock has age 0', () => {
  const user = applyProfile(
    after([
      { event_id: 'a', item_id: 'x', time_ms: nowMs - 20, value: -3 },
      { event_id: 'b', item_id: 'y', time_ms: nowMs + 5 },
    ]),
    profile({ profile_version: 9 }),
  )
  const snapshot = snapshotOf(user, { page: 'home' }, nowMs, itemId => (itemId === 'x' ? 7 : 0))
  assert.deepEqual(snapshot, {
    profile_version: 9,
    profile: profile().vector,
    history: [
      { item_id: 'y', feature_version: 0, type: 'click', age_ms: 0, value: 1 },
      { item_id: 'x', feature_version: 7, type: 'click', age_ms: 20, value: -3 },
    ],
    counts: { click: 2 },
    context: { page: 'home' },
  })
})

test('counts are kept of 64 types; what comes beyond them is counted together', () => {
  const events = Array.from({ length: 70 }, (_, i) => ({ event_id: `e${i}`, type: `t${i}` }))
  const { counts } = after([...events, { event_id: 'again', type: 't0' }])
  assert.equal(Object.keys(counts).length, 65)
  assert.equal(counts.other, 6)
  assert.equal(counts.t0, 2)
})
