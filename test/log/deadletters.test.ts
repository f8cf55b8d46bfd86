/** A dead letter holds the record as it came, and why; it can be put back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadLetter, parseDeadLetter, redriven } from '../../src/log/deadletters.ts'
import type { LogRecord } from '../../src/log/log.ts'

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

test('a dead letter takes the time of its burial from the log, or retention would take one of an old record at once', () => {
  assert.equal(deadLetter({ origin, stage: 'joiner', code: 'RECORD_INVALID', detail: '' }).timestampMs, undefined)
})

test('a record of somebody else is no dead letter', () => {
  assert.equal(parseDeadLetter(origin), null)
})
