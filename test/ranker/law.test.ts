import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../src/config.ts'
import { createRanker, type RankerState } from '../../src/ranker/step.ts'
import type { Input, Output } from '../../src/stage.ts'
import { event, input, nowMs, profile, request, view } from './fixtures.ts'

const config = parseConfig({
  state: { historyLength: 3 },
  limits: { requestDedupMs: 4000, futureSkewMs: 1000 },
  shedding: { fromRequests: 1, fromMs: 500, toMs: 4000 },
  policies: [{ name: 'a', sessionGapMs: 2000 }, { name: 'b' }],
})
const horizonMs = 10_000
const ids = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

const user_id = fc.constantFrom('ann', 'bob')
const time_ms = fc.integer({ min: nowMs - 2000, max: nowMs + horizonMs })
const session_id = fc.constantFrom(null, null, 's1', 's2')
const anyEvent = fc
  .record({
    user_id,
    time_ms,
    event_id: fc.constantFrom(...ids),
    type: fc.constantFrom('click', 'view', 'impression', '__proto__'),
    item_id: fc.constantFrom(null, 'i0', 'i1', 'unknown'),
    value: fc.constantFrom(null, 2, Number.NaN),
  })
  .map(over => input('events', event(over)))
const anyProfile = fc
  .record({ user_id, time_ms, profile_version: fc.integer({ min: 1, max: 5 }) })
  .map(over => input('profiles', profile(over)))
const anyDeletion = user_id.map(key => ({ ...input('profiles', null), key }))
const anyRequest = fc
  .record({
    user_id,
    time_ms,
    session_id,
    request_id: fc.constantFrom(...ids),
    policy: fc.constantFrom('a', 'b', 'nobody'),
    slots: fc.integer({ min: 0, max: 3 }),
    deadline_ms: fc.constantFrom(null, nowMs + 3000),
    candidates: fc.constantFrom(null, ['i0', 'i3'], ['unknown']),
    baseline: fc.constantFrom(null, ['i3', 'i1']),
  })
  .map(over => input('requests', request(over)))
const anyStep = fc.record({
  afterMs: fc.integer({ min: 0, max: 2000 }),
  lost: fc.boolean(),
  inputs: fc.array(fc.oneof(anyEvent, anyProfile, anyDeletion, anyRequest), { maxLength: 8 }) as fc.Arbitrary<
    readonly Input[]
  >,
})

const contents = (state: RankerState) => ({
  rows: Object.values(state.tables).map(table => [...table.range('', '\uffff')]),
  decided: ids.filter(id => state.decidedIds.has(id)),
})

test('law: step leaves the state exactly as fold does, whatever was lost in between', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 8 }), steps => {
      const ranker = createRanker(config)
      const stepped = ranker.open(0) as RankerState
      const folded = ranker.open(0) as RankerState
      let timeMs = nowMs
      for (const { afterMs, inputs, lost } of steps) {
        timeMs += afterMs
        const tick = { timeMs, watermarkMs: -1 }
        const { outputs } = ranker.step(stepped, inputs, tick, view())
        if (lost) {
          stepped.discard!()
          continue
        }
        ranker.fold(folded, inputs, outputs, tick)
        assert.deepEqual(contents(folded), contents(stepped), 'before the commit')
        stepped.commit()
        folded.commit()
        assert.deepEqual(contents(folded), contents(stepped), 'after the commit')
      }
    }),
    { numRuns: 300 },
  )
})

test('law: no id is decided twice within the window, however the inputs are cut into steps', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyRequest, { maxLength: 6 }), { maxLength: 8 }), steps => {
      const ranker = createRanker(config)
      const state = ranker.open(0) as RankerState
      const outputs: Output[] = steps.flatMap(inputs => {
        const result = ranker.step(state, inputs, { timeMs: nowMs, watermarkMs: -1 }, view())
        state.commit()
        return [...result.outputs]
      })
      const decided = outputs.map(output => (output.value as { decision_id: string }).decision_id)
      assert.equal(new Set(decided).size, decided.length)
    }),
  )
})
