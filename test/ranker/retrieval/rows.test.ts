import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IN_STEP } from '../../../src/ranker/retrieval/ahead.ts'
import { createBest } from '../../../src/ranker/retrieval/best.ts'
import { createRowScan, createRows } from '../../../src/ranker/retrieval/rows.ts'
import { startScanThread } from '../../../src/ranker/retrieval/thread.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exactBest, recall, vectorsLike } from './vectors.ts'

test('the best are those of a full sort, whatever the order', () => {
  const random = createRandom(1)
  const noise = Float32Array.from({ length: 5000 }, () => Math.floor(random.uniform() * 900))
  const orders = { noise, rising: noise.toSorted(), falling: noise.toSorted().reverse(), same: noise.map(() => 3) }
  for (const [order, scores] of Object.entries(orders))
    for (const count of [1, 7, 1000, 6000]) {
      const best = createBest(count)
      for (const [row, score] of scores.entries()) best.offer(row, score)
      const found = [...best.rows()].map(row => scores[row]).sort((a, b) => b - a)
      assert.deepEqual(found, [...scores].sort((a, b) => b - a).slice(0, count), `${order}, ${count}`)
    }
})

test('of equal scores those of the lower numbers are the best, whatever the order', () => {
  const rows = Array.from({ length: 5000 }, (_, row) => row)
  const shuffled = rows.toSorted((a, b) => ((a * 7919) % 5003) - ((b * 7919) % 5003))
  for (const order of [rows, rows.toReversed(), shuffled]) {
    const best = createBest(300)
    for (const row of order) best.offer(row, row % 10)
    assert.deepEqual([...best.rows()], rows.filter(row => row % 10 === 9).slice(0, 300))
  }
})

test('what is no score is never among the best', () => {
  const best = createBest(3)
  for (const [row, score] of [Number.NaN, Number.NEGATIVE_INFINITY, -5].entries()) best.offer(10 + row, score)
  assert.deepEqual([...best.rows()], [12])
})

for (const dimensions of [1, 7, 8, 41, 64, 300])
  test(`the scan orders as the exact scores do but for rounding: ${dimensions} dimensions`, () => {
    const random = createRandom(dimensions)
    const rows = createRows(dimensions)
    const scan = createRowScan(rows)
    const vectors = Array.from({ length: 1003 }, () => Float32Array.from({ length: dimensions }, () => random.normal()))
    for (const [row, vector] of vectors.entries()) rows.write(row, vector, row / 1000)
    const queries = [0, 1].map(() => Float32Array.from({ length: dimensions }, () => random.normal()))
    for (const count of [1, 100, 1003])
      for (const [k, found] of scan(queries, rows.size, count).entries()) {
        const score = (row: number) => vectors[row].reduce((sum, value, j) => sum + value * queries[k][j], row / 1000)
        const rounding = (0.02 * Math.hypot(...queries[k]) * Math.sqrt(Math.max(8, dimensions))) / 8
        const sorted = [...vectors.keys()].map(score).sort((a, b) => b - a)
        assert.equal(new Set(found).size, count)
        for (const row of found)
          assert.ok(score(row) > sorted[count - 1] - 4 * rounding, `${score(row)} of ${sorted[0]}`)
      }
  })

test('rows that are hidden, passed over or changed', () => {
  const rows = createRows(3)
  const scan = createRowScan(rows)
  const find = (count = 10) => [...scan([Float32Array.of(1, 0, 0)], rows.size, count)[0]]
  rows.write(2, Float32Array.of(1, 0, 0), 0)
  rows.write(5, Float32Array.of(2, 0, 0), 0)
  assert.deepEqual(find(), [2, 5])
  assert.deepEqual(find(1), [5])
  rows.hide(5)
  rows.hide(7)
  assert.deepEqual(find(), [2])
  rows.write(7, Float32Array.of(0, 0, 0), 3)
  rows.write(2, Float32Array.of(-1, 0, 0), 0)
  assert.deepEqual(find(), [2, 7])
  assert.deepEqual(find(1), [7])
  assert.throws(() => createRows(100_000), RangeError)
})

test('bytes are those of the rows, whatever the memory has besides', () => {
  const rows = createRows(64)
  assert.equal(rows.bytes, 0)
  rows.hide(29_123)
  assert.ok(rows.bytes <= IN_STEP)
  rows.hide(29_124)
  assert.ok(rows.bytes > IN_STEP)
})

test('threads find together what one finds, of equal items too', async () => {
  const { vectors, queries } = vectorsLike('topics', 500, 16, 3)
  const rows = createRows(16)
  for (let row = 0; row < 30_000; row++) rows.write(row, vectors[row % vectors.length], 0)
  const expected = createRowScan(rows)(queries, rows.size, 700)
  const pools = [1, 3].map(threads => startScanThread(threads))
  try {
    for (const pool of pools)
      for (const found of await Promise.all([1, 2].map(() => pool.scan(rows, queries, 700))))
        assert.deepEqual(found, expected)
  } finally {
    await Promise.all(pools.map(pool => pool.close()))
  }
})

for (const kind of ['isotropic', 'topics', 'outliers', 'popularity'] as const)
  test(`recall@100 of 20,000 vectors like real ones is at least .99: ${kind}`, () => {
    const { vectors, queries } = vectorsLike(kind, 20_000, 64, 20)
    const rows = createRows(64)
    vectors.forEach((vector, row) => void rows.write(row, vector, 0))
    const found = createRowScan(rows)(queries, rows.size, 400)
    const recalled = queries.map((query, k) => {
      const reranked = exactBest([...found[k]], vectors, query, 100)
      return recall(reranked, exactBest(vectors.keys(), vectors, query, 100))
    })
    assert.ok(recalled.reduce((a, b) => a + b) / queries.length >= 0.99, recalled.join(' '))
  })
