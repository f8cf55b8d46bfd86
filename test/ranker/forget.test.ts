import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { forgetEvent } from '../../src/events/forget.ts'
import { createRanker, type RankerState } from '../../src/ranker/step.ts'
import type { Input } from '../../src/stage.ts'
import { event, input, nowMs, profile, request, view } from './fixtures.ts'

const tick = { timeMs: nowMs, watermarkMs: nowMs }
const forget = (timeMs = nowMs) => input<BehaviorEvent>('events', forgetEvent('ann', 'f1', timeMs))

async function run(...steps: (readonly Input[])[]) {
  const ranker = createRanker(parseConfig({}))
  const [stepped, folded] = [(await ranker.open(0)) as RankerState, (await ranker.open(0)) as RankerState]
  let last: readonly Recommendation[] = []
  for (const inputs of steps) {
    const { outputs } = ranker.step(stepped, inputs, tick, view())
    ranker.fold(folded, inputs, outputs, tick)
    stepped.commit()
    folded.commit()
    last = outputs.map(({ value }) => value as Recommendation)
  }
  const users = ({ tables: { people, sessions } }: RankerState) =>
    JSON.stringify([people, sessions].map(table => [...table.range('', '\uffff')]))
  assert.equal(users(folded), users(stepped), 'a rebuild forgets again')
  return { users: users(stepped), last }
}

const known = [input('profiles', profile()), input('events', event()), input('requests', request())]

test('history, counts, profile and sessions of the user are gone, those of others stay', async () => {
  const bob = input('events', event({ user_id: 'bob', event_id: 'e2' }))
  assert.match((await run([...known, bob])).users, /ann/)
  const { users } = await run([...known, bob], [forget()])
  assert.doesNotMatch(users, /ann/)
  assert.match(users, /bob/)
})

test('what comes after it starts afresh, in the same step too', async () => {
  const later = input('events', event({ event_id: 'e9', item_id: 'i1' }))
  const { last } = await run(known, [forget(), later, input('requests', request({ request_id: 'r2' }))])
  const { history, profile_version, counts } = last[0]!.state
  assert.deepEqual(
    history.map(each => each.item_id),
    ['i1'],
  )
  assert.deepEqual([profile_version, counts, last[0]!.previous_decision_id], [0, { click: 1 }, null])
})

test('a profile from after it stays, though a step takes profiles first', async () => {
  const fresh = input('profiles', profile({ profile_version: 2, time_ms: nowMs }))
  const { last } = await run(known, [fresh, forget(nowMs - 5), input('requests', request({ request_id: 'r2' }))])
  assert.equal(last[0]!.state.profile_version, 2)
  assert.deepEqual(last[0]!.state.history, [])
})

test('a request that was decided is not decided again', async () => {
  const { last } = await run(known, [forget(), input('requests', request())])
  assert.deepEqual(last, [])
})
