/** A joiner's task at work on an embedded log that can be made unreadable, under a clock that can be moved. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import pino from 'pino'
import type { BehaviorEvent, Recommendation, Transition } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
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

export const IDLE_MS = 200
const LIMIT_MS = 10_000

export type TaskWorld = Awaited<ReturnType<typeof openTaskWorld>>

export async function openTaskWorld(t: TestContext, config: Config) {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: '', partitions: 1, policies: 1, replicationFactor: 1 }))
  const wire = await createWire({ prefix: '' })
  /** `cut`: events cannot be read. `aheadMs`: of the task's clock. `timeMs`: tick of the last accepted step. */
  const state = { cut: false, aheadMs: 0, emptyReads: 0, timeMs: 0 }
  const read: Log['read'] = async (topic, ...rest) => {
    const records = await log.read(topic, ...rest)
    if (state.cut && topic === 'events') throw new FeedloopError('LOG_UNAVAILABLE', 'its leader is being elected')
    if (topic === 'events' && records.length === 0) state.emptyReads++
    return records
  }
  const meter = createMeter()
  const task = startTask({
    log: new Proxy(log, { get: (target, name) => (name === 'read' ? read : Reflect.get(target, name)) }),
    wire: joinersWire(wire),
    meter,
    logger: pino({ level: 'silent' }),
    stage: createJoiner(config),
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
    meter,
    source: { log, wire, config, prefix: '' },
    async decide(...decisions: Recommendation[]): Promise<void> {
      const content = { inputs: [], tick: { timeMs: Date.now(), watermarkMs: -1 } }
      const records = decisions.map(each => ({
        key: Buffer.from(each.user_id),
        value: wire.encode('recommendations', each),
      }))
      await writer.append(io.rim.randomId(), content, records)
    },
    async act(...events: BehaviorEvent[]): Promise<void> {
      const records = events.map(each => ({ key: Buffer.from(each.user_id), value: wire.encode('events', each) }))
      await log.append('events', 0, records)
    },
    /** Reads until there is such a transition, and says all that there are. */
    async written(enough: (one: Transition) => boolean): Promise<Transition[]> {
      const feed = await openFeed(io, { topic: 'transitions', partition: 0 }, null)
      const all: Transition[] = []
      for (const untilMs = Date.now() + LIMIT_MS; !all.some(enough); ) {
        assert.ok(Date.now() < untilMs, `no such transition among ${all.length}`)
        for (const { header, records } of await feed.poll({ waitMs: 20 }))
          if (header.outputs > 0) for (const { value } of records) all.push(wire.decode('transitions', value!) as never)
      }
      return all
    },
  }
}

export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  for (const untilMs = Date.now() + LIMIT_MS; !(await is()); await new Promise(resolve => setTimeout(resolve, 5)))
    assert.ok(Date.now() < untilMs, 'in vain')
}
