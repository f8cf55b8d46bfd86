/** Dead letters as people see them: one on one line, whatever the record that it quotes; and what came of a redrive. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lineOf, list, report } from '../../src/commands/dead-letters.ts'
import { FeedloopError } from '../../src/errors.ts'
import type { RedriveResult } from '../../src/events/redrive.ts'
import type { DeadLetter } from '../../src/log/deadletters.ts'

test('control characters of a message are escaped', () => {
  const letter = { id: 'p.events/0/7', timestampMs: 0, stage: 'intake', code: 'FIELD_UNCONVERTIBLE' } as DeadLetter
  assert.equal(
    lineOf({ ...letter, message: 'field "a\nb\r\u001b[2J\u2028" – é' }),
    'p.events/0/7  1970-01-01T00:00:00.000Z  intake  FIELD_UNCONVERTIBLE  field "a\\u000ab\\u000d\\u001b[2J\\u2028" – é',
  )
})

test('a list tells how many it found, so that an empty one is not mistaken for one that hangs', async () => {
  const letter = {
    id: 'p.events/0/7',
    timestampMs: 0,
    stage: 'intake',
    code: 'FIELD_MISSING',
    message: 'no id',
  } as DeadLetter
  const lines: string[] = []
  const of = async function* (letters: readonly DeadLetter[]) {
    yield* letters
  }
  assert.equal(await list(of([]), line => lines.push(line)), 0)
  assert.equal(await list(of([letter, letter]), line => lines.push(line)), 2)
  assert.deepEqual(lines, [lineOf(letter), lineOf(letter)])
})

describe('what came of a redrive', () => {
  const put: RedriveResult = { id: 'a/0/1', result: 'appended', offset: 9 }
  const back: RedriveResult = { id: 'a/0/2', result: 'came back', of: 'a/0/0', code: 'FIELD_MISSING' }
  const left: RedriveResult = { id: 'b/0/3', result: 'left', reason: new FeedloopError('USAGE', 'of a\nchained topic') }
  const said = async (...results: RedriveResult[]) => {
    const lines: string[] = []
    const each = async function* () {
      yield* results
    }
    const error = await report(each(), line => lines.push(line)).then(
      () => null,
      ({ message }: Error) => message,
    )
    return { lines, error }
  }

  test('a line each', async () =>
    assert.deepEqual(await said(put), { lines: ['a/0/1  appended  at offset 9'], error: null }))

  test('how many records came back and were left out, which is no error', async () => {
    const { lines, error } = await said(back, put, { ...back, id: 'a/0/3' }, back)
    assert.equal(error, null)
    assert.equal(lines[0], 'a/0/2  came back  of a/0/0, FIELD_MISSING as that')
    assert.match(lines[4], /^2 left out: .*same code.*--again/)
  })

  test('what could not be put back is one', async () => {
    const { lines, error } = await said(left, back)
    assert.equal(lines[0], 'b/0/3  left  USAGE: of a\\u000achained topic')
    assert.match(lines.at(-1)!, /^1 left out/)
    assert.equal(error, 'LETTERS_LEFT: 1, listed above')
  })
})
