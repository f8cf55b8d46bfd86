import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLatencyHistogram, createStats } from '../../src/environments/drive-stats.ts'

test('tenths are means of ten equal parts in order', () => {
  const stats = createStats()
  for (let n = 0; n < 1000; n++) stats.decided(1, Math.floor(n / 100))
  const { tenths, policyFirst10pct, policyLast10pct, decisions } = stats.read()
  assert.deepEqual(tenths, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.deepEqual([policyFirst10pct, policyLast10pct, decisions], [0, 9, 1000])
  assert.equal(stats.recent(200), 8.5)
  assert.equal(stats.recent(1e9), 4.5)
})

test('returns are of the sessions that ended in a tenth', () => {
  const stats = createStats()
  for (let n = 1; n <= 1000; n++) {
    stats.decided(1, 1)
    if (n === 100 || n === 901 || n === 1000) stats.ended(n)
    if (n === 101 || n === 900) stats.ended(-1e6)
  }
  const { returnFirst10pct, returnLast10pct } = stats.read()
  assert.deepEqual([returnFirst10pct, returnLast10pct], [100, 950.5])
})

test('nothing decided yet: no number is made up', () => {
  const stats = createStats()
  assert.ok(Number.isNaN(stats.recent(10)))
  assert.ok(stats.read().tenths.every(Number.isNaN))
  assert.ok(Number.isNaN(stats.read().latencyMs.p50))
  assert.ok(Number.isNaN(stats.read().returnLast10pct))
})

test('quantiles of the histogram are right to 5 %', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.2, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.95, 0.99),
      (values, q) => {
        const histogram = createLatencyHistogram()
        for (const value of values) histogram.add(value)
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1]
        const read = histogram.quantile(q)
        assert.ok(read >= exact * 0.9999 && read <= exact * 1.0501, `${read} for ${exact}`)
      },
    ),
  )
})
