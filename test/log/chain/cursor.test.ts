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
