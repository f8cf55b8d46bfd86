/** What is no silence: a log that cannot be read, and a clock that jumps. Timely outcomes are joined after either. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import { decision, makeConfig, outcome } from './make.ts'
import { IDLE_MS, openTaskWorld, until } from './task-world.ts'

const DAY_MS = 86_400_000

const now = (id: string): Recommendation =>
  decision(id, 0, { request_time_ms: Date.now(), decision_time_ms: Date.now() })
const timely = (id: string, of: string): BehaviorEvent => outcome('click', of, 0, { event_id: id, time_ms: Date.now() })

test('events unreadable for longer than both windows: what happened in time is joined, in its own window', async t => {
  const windows = {
    attributionWindowMs: 1000,
    correctionWindowMs: 1000,
    sessionGapMs: 1000,
    learn: 'at-close',
  } as const
  const { state, decide, act, written } = await openTaskWorld(t, makeConfig(windows))
  await decide(now('d1'))
  state.cut = true
  const cutMs = Date.now()
  await act(timely('e1', 'd1'))
  // Decisions go on, so that the joiner's clock would.
  for (let n = 0; state.timeMs < cutMs + 3000; n++) {
    await decide(now(`x${n}`))
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  state.cut = false
  await decide(now('later'))
  const all = await written(({ decision_id }) => decision_id === 'later')
  const first = all.find(({ decision_id }) => decision_id === 'd1')
  assert.deepEqual([first?.kind, first?.cumulative], ['initial', { click: 1 }])
})

test('a clock that jumps ten days ahead retires nothing: an outcome of now is joined', async t => {
  const { state, decide, act, written } = await openTaskWorld(t, makeConfig({}))
  await decide(now('d1'))
  await written(({ decision_id }) => decision_id === 'd1')
  await until(() => state.emptyReads > 0)
  state.aheadMs = 10 * DAY_MS
  // Nothing comes, and the task has looked at the clock and at its inputs for longer than it takes to call them idle.
  const before = state.emptyReads
  const jumpedMs = Date.now()
  await until(() => state.emptyReads > before + 4 && Date.now() > jumpedMs + 3 * IDLE_MS)
  await act(timely('e1', 'd1'))
  const all = await written(({ kind }) => kind !== 'initial')
  assert.deepEqual([all.at(-1)!.kind, all.at(-1)!.delta], ['reward', { click: 1 }])
})
