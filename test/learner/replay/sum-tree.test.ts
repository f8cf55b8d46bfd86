import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createSumTree } from '../../../src/learner/replay/sum-tree.ts'
import { createRandom } from '../../../src/state/random.ts'

/** Whole numbers, whose sums are exact in any order. */
const value = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1000 }))
const changes = (capacity: number) =>
  fc.array(fc.tuple(fc.integer({ min: 0, max: capacity - 1 }), value), { minLength: 1, maxLength: 60 })

const scan = (values: readonly number[], point: number): number => {
  let left = point
  return values.findIndex(each => {
    left -= each
    return left < 0
  })
}

describe('the sum tree', () => {
  test('is a linear scan of the values', () => {
    const cases = fc.integer({ min: 1, max: 40 }).chain(capacity => fc.tuple(fc.constant(capacity), changes(capacity)))
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), ([capacity, sets], share) => {
        const tree = createSumTree(capacity)
        const values = new Array<number>(capacity).fill(0)
        for (const [place, each] of sets) {
          tree.set(place, each)
          values[place] = each
        }
        const total = values.reduce((sum, each) => sum + each, 0)
        assert.equal(tree.total, total)
        values.forEach((each, place) => {
          assert.equal(tree.at(place), each)
        })
        if (total > 0) assert.equal(tree.find(share * total), scan(values, share * total))
      }),
      { numRuns: 500 },
    )
  })

  test('forgets how it came to be: the same values by other ways are the same sums, bit by bit', () => {
    const random = createRandom(1)
    const values = Array.from({ length: 50 }, random.uniform)
    const [straight, around] = [createSumTree(50), createSumTree(50)]
    values.forEach((each, place) => {
      straight.set(place, each)
    })
    for (let place = 49; place >= 0; place--) around.set(place, 1e9 * random.uniform())
    for (let place = 49; place >= 0; place--) around.set(place, values[place])
    assert.equal(around.total, straight.total)
  })

  test('a point beyond everything, by rounding, is of the last value that counts', () => {
    const tree = createSumTree(8)
    tree.set(2, 0.1)
    tree.set(4, 0.2)
    assert.equal(tree.find(tree.total), 4)
  })
})
