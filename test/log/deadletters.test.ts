/** A dead letter holds the record as it came, and why; it can be put back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRedrive } from '../../src/events/redrive.ts'
import { deadLetter, parseDeadLetter, redriven } from '../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { LogRecord } from '../../src/log/log.ts'
import { applyTopics, topicSpecs } from '../../src/log/topics.ts'
import { topics } from '../../src/pipeline.ts'

const origin: LogRecord = {
  topic: 'p.events',
  partition: 3,
  offset: 42,
  key: Buffer.from('u'),
  value: Buffer.from([0, 255]),
  headers: { trace: Buffer.from('x') },
  timestampMs: 7,
}

test('what is buried comes back as it was', () => {
  const buried = deadLetter({ origin, stage: 'joiner', code: 'RECORD_INVALID', detail: 'no time' })
  const letter = parseDeadLetter({
    ...origin,
    topic: 'p.dead-letters',
    partition: 0,
    offset: 0,
    timestampMs: 1_000_000,
    headers: buried.headers ?? {},
  })
  assert.ok(letter)
  const { id, topic, partition, offset, stage, code, message } = letter
  assert.deepEqual(
    { id, topic, partition, offset, stage, code, message },
    {
      id: 'p.events/3/42',
      topic: 'p.events',
      partition: 3,
      offset: 42,
      stage: 'joiner',
      code: 'RECORD_INVALID',
      message: 'no time',
    },
  )
  assert.deepEqual(redriven(letter), { key: origin.key, value: origin.value, headers: origin.headers, timestampMs: 7 })
})

test('a dead letter of somebody else keeps its own errors, in the letter and when it is put back', async () => {
  const log = openEmbeddedLog()
  const prefix = 'p.'
  await applyTopics(log, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const text = (headers: Readonly<Record<string, Buffer>>) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.toString()]))
  const own = {
    '__connect.errors.topic': 'theirs',
    '__connect.errors.exception.message': 'their reason',
    '__connect.errors.only.theirs': 'x',
    'fl-dead-letter': 'theirs/0/1',
    'fl-dead-letter-left-out': '9',
    'fl-origin.fl-dead-letter': 'of a letter that was buried before',
    trace: 't',
  }
  const headers = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, Buffer.from(value)]))
  const from = { ...origin, partition: 0, headers }
  await log.append('p.dead-letters', 0, [
    deadLetter({ origin: from, stage: 'intake', code: 'FIELD_MISSING', detail: 'why' }),
  ])
  const letter = parseDeadLetter((await log.read('p.dead-letters', 0, 0))[0]!)!
  assert.deepEqual(
    [letter.id, letter.topic, letter.message, letter.leftOutBytes],
    ['p.events/0/42', 'p.events', 'why', null],
  )
  assert.deepEqual(text(letter.headers), own)
  await createRedrive({ log, prefix })(letter)
  const [back] = await log.read('p.events', 0, 0)
  assert.deepEqual(text(back!.headers), { ...own, 'fl-redriven': 'p.events/0/42' })
})

test('a dead letter takes the time of its burial from the log, or retention would take one of an old record at once', () => {
  assert.equal(deadLetter({ origin, stage: 'joiner', code: 'RECORD_INVALID', detail: '' }).timestampMs, undefined)
})

test('a record of somebody else is no dead letter', () => {
  assert.equal(parseDeadLetter(origin), null)
})

test('headers and a key that no dead letter can hold are left out as well', async () => {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix: 'p.', partitions: 1, policies: 1, replicationFactor: 1 }))
  const huge = Buffer.alloc(topics['dead-letters'].maxBatchBytes)
  const cases: Partial<LogRecord>[] = [
    { headers: { huge, x: Buffer.from('x') } },
    { key: huge, headers: { x: Buffer.from('x') } },
  ]
  for (const part of cases) {
    const letter = deadLetter({
      origin: { ...origin, ...part },
      stage: 'intake',
      code: 'RECORD_UNREADABLE',
      detail: '',
    })
    await log.append('p.dead-letters', 0, [letter])
  }
  const letters = (await log.read('p.dead-letters', 0, 0)).map(record => parseDeadLetter(record)!)
  assert.deepEqual(
    letters.map(({ id, key, value, headers, code }) => [id, key?.toString(), value, Object.keys(headers), code]),
    [
      ['p.events/3/42', 'u', null, [], 'RECORD_UNREADABLE'],
      ['p.events/3/42', undefined, null, [], 'RECORD_UNREADABLE'],
    ],
  )
  for (const { leftOutBytes } of letters) assert.ok(leftOutBytes! >= huge.length)
})

test('a value that no dead letter can hold is left out, and nobody can put it back', async () => {
  const prefix = 'p.'
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const topic = 'p.dead-letters'
  for (const bytes of [topics.events.maxBatchBytes, topics['dead-letters'].maxBatchBytes]) {
    const large = { ...origin, value: Buffer.alloc(bytes) }
    await log.append(topic, 0, [deadLetter({ origin: large, stage: 'intake', code: 'RECORD_UNREADABLE', detail: '' })])
  }
  const letters = (await log.read(topic, 0, 0, { maxBytes: 1e9 })).map(record => parseDeadLetter(record)!)
  assert.deepEqual(
    letters.map(({ value, leftOutBytes }) => [value?.length ?? null, leftOutBytes]),
    [
      [topics.events.maxBatchBytes, null],
      [null, topics['dead-letters'].maxBatchBytes],
    ],
  )
  assert.deepEqual(Object.keys(letters[1]!.headers), ['trace'])
  await assert.rejects(createRedrive({ log, prefix })(letters[1]!), { code: 'USAGE' })
})
