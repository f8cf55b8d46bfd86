/** A dead letter is listed on one line, whatever the record that it quotes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf } from '../../src/commands/dead-letters.ts'
import type { DeadLetter } from '../../src/log/deadletters.ts'

test('control characters of a message are escaped', () => {
  const letter = { id: 'p.events/0/7', timestampMs: 0, stage: 'intake', code: 'FIELD_UNCONVERTIBLE' } as DeadLetter
  assert.equal(
    lineOf({ ...letter, message: 'field "a\nb\r\u001b[2J\u2028" – é' }),
    'p.events/0/7  1970-01-01T00:00:00.000Z  intake  FIELD_UNCONVERTIBLE  field "a\\u000ab\\u000d\\u001b[2J\\u2028" – é',
  )
})
