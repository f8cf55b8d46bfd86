import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createDecided, readBackMs } from '../../src/gateway/decided.ts'
import { createPositions } from '../../src/gateway/positions.ts'
import { decidedIds } from '../../src/ranker/decided.ts'
import { heapTables } from '../../src/ranker/state.ts'
import { seedOf } from '../../src/state/random.ts'

describe('positions', () => {
  test('are a map of numbers', () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }),
      fc.nat(5),
      fc.nat(50).map(n => n * 2 ** 32),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 500 }), pairs => {
        const map = new Map(pairs)
        const positions = createPositions()
        for (const [each, value] of pairs) positions.set(each, value)
        for (const [each, value] of map) assert.equal(positions.get(each), value)
        for (const [each] of pairs) if (!map.has(each + 1)) assert.equal(positions.get(each + 1), -1)
      }),
    )
  })
  test('a million take 64 bytes each at most', () => {
    const positions = createPositions()
    for (let n = 0; n < 1e6; n++) positions.set(seedOf(`request-${n}`), n)
    assert.equal(positions.get(seedOf('request-77777')), 77777)
    assert.ok(positions.bytes <= 64e6, `${positions.bytes}`)
  })
})

describe('what was decided lately', () => {
  test('is remembered at least as long as the ranker remembers the id, by the time of its partition', () => {
    const step = fc.record({ id: fc.nat(30), partition: fc.nat(1), afterMs: fc.nat(400) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), steps => {
        const windowMs = 1000
        const decided = createDecided(2, windowMs)
        const rankers = [decidedIds(windowMs, heapTables().tables), decidedIds(windowMs, heapTables().tables)]
        const clocks = [10_000, 10_000]
        for (const [offset, { id, partition, afterMs }] of steps.entries()) {
          const name = `${partition}-${id}`
          clocks[partition] += afterMs
          rankers[partition].add(name, clocks[partition])
          rankers[partition].settle()
          decided.add(seedOf(name), { partition, offset }, clocks[partition])
          for (const known of steps.map(each => `${partition}-${each.id}`))
            if (rankers[partition].has(known)) assert.notEqual(decided.find(seedOf(known), partition), null)
        }
      }),
    )
  })
  test('is found in another partition too, and forgotten after the window', () => {
    const decided = createDecided(3, 800)
    decided.add(7, { partition: 2, offset: 5 }, 10_000)
    assert.deepEqual(decided.find(7, 0), { partition: 2, offset: 5 })
    decided.add(8, { partition: 2, offset: 6 }, 10_000 + readBackMs(800) + 100)
    assert.equal(decided.find(7, 2), null)
    assert.deepEqual(decided.find(8, 2), { partition: 2, offset: 6 })
  })
})
