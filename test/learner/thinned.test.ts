import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createThinned } from '../../src/learner/thinned.ts'

const thinned = (most: number, count: number): readonly number[] => {
  const all = createThinned(most)
  for (let i = 0; i < count; i++) all.add(i)
  return all.values()
}

describe('so many of a stream', () => {
  for (const [count, expected] of [
    [0, []],
    [3, [0, 1, 2]],
    [4, [0, 1, 2, 3]],
    [6, [0, 1, 3, 4]],
    [8, [0, 2, 4, 6]],
    [16, [0, 4, 8, 12]],
  ] as const)
    test(`four of ${count}`, () => assert.deepEqual(thinned(4, count), expected))

  test('of any number they are spread over all of it', () => {
    for (const count of [1000, 12_345, 99_999]) {
      const values = thinned(200, count)
      assert.equal(values.length, 200)
      const gaps = values.map((value, i) => (values[i + 1] ?? count) - value)
      assert.ok(Math.max(...gaps) <= 2 * (count / 200) + 1, `${count}: ${Math.max(...gaps)}`)
      assert.ok(Math.min(...gaps) > 0)
    }
  })
})
