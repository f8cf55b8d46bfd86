import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decidedIds } from '../../src/ranker/decided.ts'
import { nowMs } from './fixtures.ts'

const windowMs = 1000
const bucketMs = windowMs / 8

test('an id is remembered for the whole window and forgotten within a bucket after it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 * windowMs }), { minLength: 1, maxLength: 12 }), offsets => {
      const decided = decidedIds(windowMs)
      for (const [i, offset] of offsets.entries()) decided.add(`${i}`, nowMs + offset)
      decided.commit()
      const newest = Math.max(...offsets)
      for (const [i, offset] of offsets.entries()) {
        const age = newest - offset
        if (age <= windowMs) assert.ok(decided.has(`${i}`), `age ${age}`)
        if (age >= windowMs + bucketMs) assert.ok(!decided.has(`${i}`), `age ${age}`)
      }
    }),
  )
})

test('an id of an overlay is known at once, and gone when the overlay is discarded', () => {
  const decided = decidedIds(windowMs)
  decided.add('a', nowMs)
  assert.ok(decided.has('a'))
  decided.discard()
  assert.ok(!decided.has('a'))
  decided.commit()
  assert.ok(!decided.has('a'))
})

test('a window of 0 still keeps one step from deciding twice', () => {
  const decided = decidedIds(0)
  decided.add('a', nowMs)
  assert.ok(decided.has('a'))
})
