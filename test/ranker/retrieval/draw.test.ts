import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drawRows } from '../../../src/ranker/retrieval/draw.ts'
import { createRowSet } from '../../../src/ranker/retrieval/row-set.ts'
import { createRandom } from '../../../src/state/random.ts'

test('a set of rows is what a Set is, and every row has one place', () => {
  const change = fc.record({ row: fc.integer({ min: 0, max: 600 }), add: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), changes => {
      const set = createRowSet()
      const expected = new Set<number>()
      for (const { row, add } of changes) {
        set[add ? 'add' : 'delete'](row)
        set.inOrder()
        expected[add ? 'add' : 'delete'](row)
      }
      const rows = Array.from({ length: set.size }, (_, i) => set.at(i))
      assert.deepEqual(
        rows.sort((a, b) => a - b),
        [...expected].sort((a, b) => a - b),
      )
      assert.deepEqual([...set.inOrder()], rows)
      for (let row = 0; row < 601; row++) assert.equal(set.has(row), expected.has(row))
    }),
  )
})

const pool = () => {
  const set = createRowSet()
  for (const row of [3, 1, 4, 15, 9, 2, 6]) set.add(row)
  return set
}

test('a draw leaves out what is taken, and takes what it draws', () => {
  const taken = new Set([1, 77])
  const { rows, inclusion } = drawRows(pool(), taken, 3, createRandom(1))
  assert.equal(rows.length, 3)
  assert.equal(inclusion, 3 / 6)
  assert.ok(!rows.includes(1))
  assert.equal(taken.size, 5)
})

test('no more are left than are wanted: all, for certain', () => {
  const { rows, inclusion } = drawRows(pool(), new Set([1]), 9, createRandom(1))
  assert.deepEqual(
    [...rows].sort((a, b) => a - b),
    [2, 3, 4, 6, 9, 15],
  )
  assert.equal(inclusion, 1)
  assert.deepEqual(drawRows(createRowSet(), new Set(), 3, createRandom(1)), { rows: [], inclusion: 0 })
})
