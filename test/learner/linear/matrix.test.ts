import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  addOuter,
  addScaled,
  cholesky,
  dot,
  packedLength,
  solveLower,
  solveUpper,
  updateCholesky,
} from '../../../src/learner/linear/matrix.ts'
import { createRandom } from '../../../src/state/random.ts'

type Square = number[][]
const at = (packed: Float64Array, i: number, j: number) => packed[packedLength(Math.max(i, j)) + Math.min(i, j)]
const vector = (random: ReturnType<typeof createRandom>, d: number) => Float64Array.from({ length: d }, random.normal)
const close = (a: number, b: number) =>
  assert.ok(Math.abs(a - b) <= 1e-10 * Math.max(1, Math.abs(a), Math.abs(b)), `${a} against ${b}`)

/** L Lᵀ by the definition. */
const product = (factor: Float64Array, d: number): Square =>
  Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => {
      let sum = 0
      for (let k = 0; k <= Math.min(i, j); k++) sum += at(factor, i, k) * at(factor, j, k)
      return sum
    }),
  )

function sample(d: number, n: number, seed: number) {
  const random = createRandom(seed)
  const xs = Array.from({ length: n }, () => vector(random, d))
  const packed = new Float64Array(packedLength(d))
  for (const x of xs) addOuter(packed, x, 0.5)
  return { random, xs, packed }
}

for (const d of [1, 2, 5, 33])
  describe(`${d} dimensions`, () => {
    const { random, xs, packed } = sample(d, 7, d)

    test('addOuter sums weighted outer products', () => {
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++)
          close(
            at(packed, i, j),
            xs.reduce((sum, x) => sum + 0.5 * x[i] * x[j], 0),
          )
    })

    test('cholesky factors scale A + ridge I', () => {
      const factor = new Float64Array(packed.length)
      assert.ok(cholesky(packed, d, 0.25, 2, factor))
      const back = product(factor, d)
      for (let i = 0; i < d; i++)
        for (let j = 0; j < d; j++) close(back[i][j], 0.25 * at(packed, i, j) + (i === j ? 2 : 0))
    })

    test('the two triangular solves give (A + I)⁻¹ b', () => {
      const factor = new Float64Array(packed.length)
      cholesky(packed, d, 1, 1, factor)
      const b = vector(random, d)
      const theta = new Float64Array(d)
      solveLower(factor, b, theta)
      solveUpper(factor, theta, theta)
      for (let i = 0; i < d; i++) {
        let sum = theta[i]
        for (let j = 0; j < d; j++) sum += at(packed, i, j) * theta[j]
        close(sum, b[i])
      }
    })

    test('an updated factor is the factor of the updated matrix, and a downdate undoes it', () => {
      const factor = new Float64Array(packed.length)
      cholesky(packed, d, 1, 1, factor)
      const before = factor.slice()
      const x = vector(random, d)
      assert.ok(updateCholesky(factor, x.slice(), 1))
      const grown = packed.slice()
      addOuter(grown, x, 1)
      const expected = new Float64Array(packed.length)
      cholesky(grown, d, 1, 1, expected)
      factor.forEach((value, i) => {
        close(value, expected[i])
      })
      assert.ok(updateCholesky(factor, x.slice(), -1))
      factor.forEach((value, i) => {
        close(value, before[i])
      })
    })
  })

test('what is not positive definite is said, not factored', () => {
  const factor = new Float64Array(3)
  assert.equal(cholesky(Float64Array.of(1, 2, 1), 2, 1, 0, factor), false)
  assert.equal(cholesky(Float64Array.of(Number.NaN, 0, 1), 2, 1, 0, factor), false)
  cholesky(Float64Array.of(1, 0, 1), 2, 1, 0, factor)
  assert.equal(updateCholesky(factor, Float64Array.of(2, 0), -1), false)
})

test('dot and addScaled', () => {
  assert.equal(dot(Float64Array.of(1, 2), Float64Array.of(3, 4)), 11)
  const into = Float64Array.of(1, 1)
  addScaled(into, Float64Array.of(2, 4), 0.5)
  assert.deepEqual(into, Float64Array.of(2, 3))
})
