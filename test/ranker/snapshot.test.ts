/** What a person's snapshots put into the tables is what the newest of them says, whatever an older one had. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restore, snapshotOf } from '../../src/ranker/snapshot.ts'
import { heapTables, putUser, type RankerStore, userOf } from '../../src/ranker/state.ts'
import { newUser, type UserState } from '../../src/state/user.ts'
import { profile } from './fixtures.ts'

const contains = { offset: 1, id: '0', next: {} }
const past = { eventHash: 1, itemId: 'i1', type: 'click', timeMs: 1, value: 1 }
const session = { policy: 'default', id: 's', lastDecisionId: 'd', step: 1, lastTimeMs: 1 }
const whole: UserState = { history: [past], counts: { click: 1 }, profile: profile(), sessions: [session] }

const storeOf = (user: UserState): RankerStore => {
  const store = heapTables()
  putUser({ tables: store.tables }, 'ann', newUser, user)
  return store
}

const cases: Record<string, UserState> = {
  'who was forgotten and asked again': { ...newUser, sessions: [session] },
  'a deleted profile': { ...whole, profile: null },
  'sessions that are over': { ...whole, sessions: [] },
  'all of it': whole,
}
for (const [name, after] of Object.entries(cases))
  test(name, () => {
    const store = heapTables()
    for (const user of [whole, after]) {
      restore(store.tables, 'ann', snapshotOf(storeOf(user).tables, 'ann', contains), 1000)
      store.seal?.()
      store.commit()
    }
    assert.deepEqual(userOf(store, 'ann'), after)
  })
