/** What a step refuses: paired with the records as they came, and buried in batches that fit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorEvent } from '../../../schemas/records.ts'
import { bury, refusedRecords } from '../../../src/log/chain/codec.ts'
import { openCursor } from '../../../src/log/chain/cursor.ts'
import { realRim } from '../../../src/log/chain/rim.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../../../src/log/topics.ts'
import { createWire } from '../../../src/log/wire/create.ts'
import { event, input } from '../../transitions/make.ts'

test('an input of an earlier step that is refused now reaches the dead letters too', async () => {
  const wire = await createWire({ prefix: 'p.' })
  const kept = input(event('click', 1, { decision_id: 'd1' }))
  const refusal = { input: kept, code: 'SLATE_HASH_MISMATCH', detail: 'other slate' } as const
  const [{ origin, code }] = refusedRecords({ stage: 'joiner', prefix: 'p.', wire }, [], [refusal])
  assert.equal(code, 'SLATE_HASH_MISMATCH')
  assert.deepEqual([origin.topic, origin.offset, origin.key?.toString()], ['p.events', kept.offset, 'u'])
  assert.equal((wire.decode('events', origin.value!) as BehaviorEvent).decision_id, 'd1')
})

test('a record of this step goes as it came', async () => {
  const wire = await createWire({ prefix: 'p.' })
  const taken = input(event('click', 1))
  const record = { ...taken, topic: 'p.events', key: null, value: Buffer.from('as it came') }
  const refusal = { input: taken, code: 'RECORD_INVALID', detail: '' } as const
  const [{ origin }] = refusedRecords({ stage: 'joiner', prefix: 'p.', wire }, [record], [refusal])
  assert.equal(origin, record)
})

test('large headers count: the letters go in as many batches as they need', async () => {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: 'p.', partitions: 1, policies: 1, replicationFactor: 1 }))
  const headers = { large: Buffer.alloc(1 << 20) }
  const refused = Array.from({ length: 10 }, (_, offset) => ({
    origin: { topic: 'p.events', partition: 0, offset, key: null, value: Buffer.from('?'), headers, timestampMs: 1 },
    stage: 'joiner',
    code: 'RECORD_UNREADABLE' as const,
    detail: '',
  }))
  await bury({ log, rim: realRim(), rules: chainRules }, 'p.', refused)
  assert.equal((await log.ends('p.dead-letters', 0)).latest, 10)
})

test('records with large headers are read ahead by their whole size', async t => {
  const log = openEmbeddedLog()
  const config = { 'max.message.bytes': String(1 << 20) }
  await log.createTopics([{ topic: 'p.events', partitions: 1, replicationFactor: 1, config }])
  const headers = { large: Buffer.alloc(1000) }
  for (let i = 0; i < 20; i++) await log.append('p.events', 0, [{ key: null, value: Buffer.from('?'), headers }])
  const arrived = Promise.withResolvers<void>()
  const stop = new AbortController()
  t.after(() => stop.abort())
  const io = { log, rim: realRim(), rules: chainRules, signal: stop.signal }
  const cursor = await openCursor(io, {
    prefix: 'p.',
    input: { topic: 'events', partition: 0 },
    from: null,
    maxBytes: 1 << 20,
    waitMs: 250,
    notify: () => arrived.resolve(),
  })
  await arrived.promise
  assert.equal(cursor.take(20, 5000).length, 4)
})
