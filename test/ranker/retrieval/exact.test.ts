import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bestFirst, dotProducts } from '../../../src/ranker/retrieval/exact.ts'

test('the order is that of a stable sort, greatest first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 70 }), values => {
      const expected = [...values.keys()].sort((a, b) => values[b] - values[a])
      assert.deepEqual([...bestFirst(Float64Array.from(values))], expected)
    }),
  )
})

test('dot products, of vectors that are shorter or longer than the query too', () => {
  const vector = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 6 }).map(values => Float32Array.from(values))
  fc.assert(
    fc.property(vector, fc.array(vector, { maxLength: 11 }), (query, vectors) => {
      const expected = vectors.map(each => query.reduce((sum, value, j) => sum + value * (each[j] ?? 0), 0))
      // -0 and 0 are one score
      assert.deepEqual(
        [...dotProducts(query, vectors)].map(score => score + 0),
        expected.map(score => score + 0),
      )
    }),
  )
})
