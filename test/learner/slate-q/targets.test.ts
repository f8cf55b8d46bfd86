import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  bestValue,
  gains,
  highest,
  type Items,
  itemsOf,
  lambdaOf,
  slateValue,
} from '../../../src/learner/slate-q/targets.ts'
import { createRandom } from '../../../src/state/random.ts'

const close = (a: number, b: number, tolerance = 1e-9) => assert.ok(Math.abs(a - b) <= tolerance, `${a}, ${b}`)

/** Every slate of `slots` of `count` items. */
function slatesOf(count: number, slots: number, from = 0): number[][] {
  if (slots === 0) return [[]]
  return Array.from({ length: count - from }, (_, i) => from + i).flatMap(first =>
    slatesOf(count, slots - 1, first + 1).map(rest => [first, ...rest]),
  )
}

const worth = fc.double({ min: -3, max: 5, noNaN: true })
const items = fc.integer({ min: 1, max: 7 }).chain(count =>
  fc.record({
    attraction: fc.array(fc.double({ min: 1e-3, max: 20, noNaN: true }), { minLength: count, maxLength: count }),
    worth: fc.array(worth, { minLength: count, maxLength: count }),
    none: fc.double({ min: 1e-3, max: 5, noNaN: true }),
    worthOfNone: worth,
  }),
)
const asItems = (given: { attraction: number[]; worth: number[]; none: number; worthOfNone: number }): Items => ({
  ...given,
  attraction: Float64Array.from(given.attraction),
  worth: Float64Array.from(given.worth),
})

describe('the best slate', () => {
  test('is found exactly: no slate of so many is worth more, and its items have the highest gains', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 4 }), (given, wanted) => {
        const known = asItems(given)
        const slots = Math.min(wanted, known.worth.length)
        const most = Math.max(...slatesOf(known.worth.length, slots).map(slate => slateValue(known, slate)))
        close(bestValue(known, wanted, 'exact'), most)
        const served = highest(gains(known, lambdaOf(known, wanted, 'exact')), slots)
        close(slateValue(known, served), most)
      }),
      { numRuns: 500 },
    )
  })

  test('by the heuristic too where all are as attractive, else not', () => {
    const alike = asItems({ attraction: [2, 2, 2, 2], worth: [1, 4, 3, 2], none: 1, worthOfNone: 0 })
    assert.equal(bestValue(alike, 2, 'top-k'), bestValue(alike, 2, 'exact'))
    const crowded = asItems({ attraction: [10, 1, 1], worth: [1, 8, 7], none: 1, worthOfNone: 0 })
    assert.equal(bestValue(crowded, 2, 'top-k'), 1.5)
    assert.equal(bestValue(crowded, 2, 'exact'), 5)
  })
})

describe('the worth of a slate, by plain recomputation', () => {
  const random = createRandom(2)
  const [B, K] = [8, 5]
  const logits = Float32Array.from({ length: B * K * 2 }, random.normal)
  const values = Float32Array.from({ length: B }, random.normal)
  test('Σ P(i | s, A) Q(s, i), none included', () => {
    for (let b = 0; b < B; b++) {
      const slate = [0, 2, 3].slice(0, 1 + (b % 3))
      const scores = slate.map(k => Math.exp(logits[2 * (b * K + k)]))
      const total = scores.reduce((sum, each) => sum + each, 1)
      const expected = slate.reduce(
        (sum, k, i) => sum + (scores[i] / total) * (values[b] + logits[2 * (b * K + k) + 1]),
        values[b] / total,
      )
      close(slateValue(itemsOf({ logits, values }, b, K), slate), expected, 1e-6)
    }
  })
  test('attractions beyond the range of exp are still compared', () => {
    const far = itemsOf({ logits: Float32Array.of(1000, 1, 999, 2), values: Float32Array.of(0) }, 0, 2)
    close(slateValue(far, [0, 1]), (1 + 2 / Math.E) / (1 + 1 / Math.E), 1e-6)
  })
})
