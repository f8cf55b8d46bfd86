import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createIntervals } from '../../src/state/intervals.ts'
import { compareKeys } from '../../src/state/table.ts'

test('a key is in some interval or in none, in whatever order they came and however they overlap', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '\uffee', '😀'), maxLength: 3 })
  const interval = fc
    .tuple(key, fc.option(key, { freq: 10 }))
    .filter(([from, to]) => to === null || compareKeys(from, to) < 0)
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), fc.array(key, { minLength: 1 }), (list, keys) => {
      const intervals = createIntervals()
      for (const [from, to] of list) intervals.add(from, to)
      for (const each of keys)
        assert.equal(
          intervals.has(each),
          list.some(([from, to]) => compareKeys(from, each) <= 0 && (to === null || compareKeys(each, to) < 0)),
        )
    }),
    { numRuns: 1000 },
  )
})
