/** A cursor that is asked how far to go at any turn of the event loop while a read comes in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCursor } from '../../../src/log/chain/cursor.ts'
import { realRim } from '../../../src/log/chain/rim.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import type { Log, LogRecord } from '../../../src/log/log.ts'

const record = (offset: number): LogRecord => ({
  topic: 'events',
  partition: 0,
  offset,
  key: null,
  value: Buffer.from('x'),
  headers: {},
  timestampMs: 0,
})

const TURNS = 30

for (const stops of [[3], [1, 3]])
  test(`what a step took is taken again whole, in ${stops.length} parts, whenever it is asked for`, async () => {
    for (let turns = 0; turns < TURNS; turns++) {
      const answer = Promise.withResolvers<readonly LogRecord[]>()
      const stop = new AbortController()
      let reads = 0
      const log = {
        ends: async () => ({ earliest: 0, latest: 3 }),
        read: () => (reads++ === 0 ? answer.promise : new Promise<never>(() => {})),
      } as unknown as Log
      const cursor = await openCursor(
        { log, rim: realRim(), rules: chainRules, signal: stop.signal },
        {
          prefix: '',
          input: { topic: 'events', partition: 0 },
          from: null,
          maxBytes: 1 << 20,
          waitMs: 1,
          notify: () => {},
        },
      )
      answer.resolve([0, 1, 2].map(record))
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const taken: number[][] = []
      for (const next of stops) {
        const records = await cursor.takeTo({ topic: 'events', partition: 0, next })
        taken.push(records.map(({ offset }) => offset))
      }
      const expected = stops.map((next, i) => [0, 1, 2].filter(at => at < next && at >= (stops[i - 1] ?? 0)))
      assert.deepEqual(taken, expected, `${turns} turns after the read came`)
      stop.abort()
    }
  })

test('a record waits since it was written; when none was read ahead, since the newest was, or the log was read to its end', async t => {
  const stop = new AbortController()
  t.after(() => stop.abort())
  const clock = { nowMs: 1000 }
  const answers = [[{ ...record(0), timestampMs: 400 }], [], [{ ...record(1), timestampMs: 1700 }]]
  const arrived = Promise.withResolvers<void>()
  const waiting = Promise.withResolvers<void>()
  const log = {
    ends: async () => ({ earliest: 0, latest: 2 }),
    async read() {
      const next = answers.shift()
      if (answers.length === 1) {
        clock.nowMs = 1500
        arrived.resolve()
        await waiting.promise
      }
      return next ?? new Promise<never>(() => {})
    },
  } as unknown as Log
  const io = { log, rim: { ...realRim(), now: () => clock.nowMs }, rules: chainRules, signal: stop.signal }
  const input = { topic: 'events', partition: 0 } as const
  const options = { prefix: '', input, from: null, maxBytes: 1 << 20, waitMs: 1 }
  const told = { count: 0, bell: Promise.withResolvers<void>() }
  const notify = () => {
    told.count++
    told.bell.resolve()
    told.bell = Promise.withResolvers()
  }
  const cursor = await openCursor(io, { ...options, notify })
  assert.equal(cursor.waitingSinceMs, 1000, 'nothing is read: what is there may wait since it was opened, at least')
  await arrived.promise
  assert.equal(cursor.waitingSinceMs, 400)
  cursor.take(1, 1 << 20)
  assert.equal(cursor.waitingSinceMs, 400, 'where something always comes, the end is never found')
  waiting.resolve()
  while (told.count < 3) await told.bell.promise
  assert.equal(cursor.waitingSinceMs, 1700)
})
