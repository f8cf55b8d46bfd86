/** What is no silence: a log that cannot be read, and a clock that jumps. Timely outcomes are joined after either. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import type { BehaviorEvent, Transition } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { openFeed } from '../../src/log/chain/feed.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import { startTask } from '../../src/log/chain/task.ts'
import { createWriter } from '../../src/log/chain/writer.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { joinersWire } from '../../src/transitions/decision.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { decision, makeConfig, outcome } from './make.ts'

const IDLE_MS = 200
const DAY_MS = 86_400_000
const LIMIT_MS = 10_000

type Policy = Parameters<typeof makeConfig>[0]

/** A joiner's task at work on a log that can be made unreadable, under a clock that can be moved. */
async function openWorld(t: TestContext, policy: NonNullable<Policy>) {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: '', partitions: 1, policies: 1, replicationFactor: 1 }))
  const wire = await createWire({ prefix: '' })
  const state = { cut: false, aheadMs: 0, emptyReads: 0, timeMs: 0 }
  const read: Log['read'] = async (topic, ...rest) => {
    const records = await log.read(topic, ...rest)
    if (state.cut && topic === 'events') throw new FeedloopError('LOG_UNAVAILABLE', 'its leader is being elected')
    if (topic === 'events' && records.length === 0) state.emptyReads++
    return records
  }
  const troubled: Log = new Proxy(log, {
    get: (target, name) => (name === 'read' ? read : Reflect.get(target, name)),
  })
  const meter = createMeter()
  const task = startTask({
    log: troubled,
    wire: joinersWire(wire),
    meter,
    logger: pino({ level: 'silent' }),
    stage: createJoiner(makeConfig(policy)),
    prefix: '',
    inputs: [
      { topic: 'recommendations', partition: 0 },
      { topic: 'events', partition: 0 },
    ],
    output: { topic: 'transitions', partition: 0 },
    view: () => undefined,
    now: () => Date.now() + state.aheadMs,
    step: { intervalMs: 1, maxRecords: 50, maxBytes: 1 << 20, progressMs: 20, idleMs: IDLE_MS },
    accepted: ({ header }) => {
      state.timeMs = header.tick.timeMs
    },
  })
  t.after(() => task.stop())
  await task.ready
  const io = { log, rim: realRim(), rules: chainRules }
  const writer = createWriter(io, { topic: 'recommendations', partition: 0 }, { head: null, end: 0, partitions: 1 })
  return {
    state,
    async decide(decision_id: string): Promise<void> {
      const timeMs = Date.now()
      const made = decision(decision_id, 0, { request_time_ms: timeMs, decision_time_ms: timeMs })
      const value = wire.encode('recommendations', made)
      const content = { inputs: [], tick: { timeMs, watermarkMs: -1 } }
      await writer.append(io.rim.randomId(), content, [{ key: Buffer.from('u'), value }])
    },
    async act(event: BehaviorEvent): Promise<void> {
      await log.append('events', 0, [{ key: Buffer.from('u'), value: wire.encode('events', event) }])
    },
    /** Reads on until there is such a transition, and says all that there are. */
    async written(enough: (one: Transition) => boolean): Promise<Transition[]> {
      const feed = await openFeed(io, { topic: 'transitions', partition: 0 }, null)
      const all: Transition[] = []
      for (const untilMs = Date.now() + LIMIT_MS; !all.some(enough); ) {
        assert.ok(Date.now() < untilMs, `no such transition among ${all.length}; ${await lettersOf(log)}`)
        for (const { header, records } of await feed.poll({ waitMs: 20 }))
          if (header.outputs > 0) for (const { value } of records) all.push(wire.decode('transitions', value!) as never)
      }
      return all
    },
  }
}

const lettersOf = async (log: Log): Promise<string> =>
  (await log.read('dead-letters', 0, 0)).map(({ headers }) => String(headers['fl-code'])).join()

async function until(is: () => boolean): Promise<void> {
  for (const untilMs = Date.now() + LIMIT_MS; !is(); await new Promise(resolve => setTimeout(resolve, 5)))
    assert.ok(Date.now() < untilMs, 'in vain')
}

const timely = (id: string, of: string): BehaviorEvent => outcome('click', of, 0, { event_id: id, time_ms: Date.now() })

test('events unreadable for longer than both windows: what happened in time is joined, in its own window', async t => {
  const windows = {
    attributionWindowMs: 1000,
    correctionWindowMs: 1000,
    sessionGapMs: 1000,
    learn: 'at-close',
  } as const
  const { state, decide, act, written } = await openWorld(t, windows)
  await decide('d1')
  state.cut = true
  const cutMs = Date.now()
  await act(timely('e1', 'd1'))
  // Decisions go on, so that the joiner's clock would.
  for (let n = 0; state.timeMs < cutMs + 3000; n++) {
    await decide(`x${n}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  state.cut = false
  await decide('later')
  const all = await written(({ decision_id }) => decision_id === 'later')
  const first = all.find(({ decision_id }) => decision_id === 'd1')
  assert.deepEqual([first?.kind, first?.cumulative], ['initial', { click: 1 }])
})
test('a clock that jumps ten days ahead retires nothing: an outcome of now is joined', async t => {
  const { state, decide, act, written } = await openWorld(t, {})
  await decide('d1')
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
