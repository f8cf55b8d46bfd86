import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { axisOf } from '../../src/learner/linear/axis.ts'
import { addOuter, cholesky, dot, packedLength, solveLower } from '../../src/learner/linear/matrix.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal, uniform } = createRandom(16)
const d = 6
/** The constant, and what is nearly the same for all. */
const state = (spread: number): Float64Array =>
  Float64Array.from({ length: d }, (_, i) => (i === 0 ? 1 : i - 2 + spread * normal()))
const precision = Float64Array.from({ length: d }, (_, i) => 0.3 + i)

/** φᵀΛ⁻¹φ of what was seen, and the most that the axis lets it be. */
function squares(seen: readonly (readonly [x: Float64Array, weight: number])[], phi: Float64Array) {
  const sums = new Float64Array(packedLength(d))
  for (const [x, weight] of seen) addOuter(sums, x, weight)
  const factor = new Float64Array(sums.length)
  assert.ok(cholesky(sums, d, 1, precision, factor))
  const solved = new Float64Array(d)
  solveLower(factor, phi, solved)
  const prior = phi.reduce((sum, value, i) => sum + value ** 2 / precision[i], 0)
  return { prior, square: dot(solved, solved), most: prior - dot(axisOf(factor, precision), phi) ** 2 }
}

describe('the axis of a posterior', () => {
  for (const count of [1, 2, 5, 40, 3000])
    for (const spread of [0, 0.1, 1, 10])
      test(`bounds the variance after ${count} decisions, states ${spread} apart`, () => {
        const seen = Array.from({ length: count }, () => [state(spread), uniform()] as const)
        for (let n = 0; n < 50; n++) {
          const { prior, square, most } = squares(seen, state(spread))
          assert.ok(square <= most * (1 + 1e-9), `${square} of ${most}`)
          assert.ok(most <= prior)
        }
      })

  test('is the variance where one decision, or one state again and again, is all that was seen', () => {
    for (const count of [1, 30]) {
      const same = state(1)
      const seen = Array.from({ length: count }, () => [same, uniform()] as const)
      const { square, most, prior } = squares(seen, state(1))
      assert.ok(Math.abs(square / most - 1) < 1e-9)
      assert.ok(most < prior)
    }
  })

  test('bounds it whatever the first feature is', () => {
    for (const first of [-3, 0, 0.2]) {
      const seen = Array.from({ length: 30 }, (_, n) => [state(1).fill(first * (n % 2), 0, 1), uniform()] as const)
      const { prior, square, most } = squares(seen, state(1))
      assert.ok(square <= most * (1 + 1e-9) && most <= prior, `${square} of ${most}`)
    }
  })

  test('is nothing where nothing was seen', () => {
    const { square, most, prior } = squares([], state(1))
    assert.equal(most, prior)
    assert.ok(Math.abs(square / prior - 1) < 1e-12)
  })
})
