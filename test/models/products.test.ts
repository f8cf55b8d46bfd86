import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dot } from '../../src/learner/linear/matrix.ts'
import type { Posterior } from '../../src/learner/linear/posterior.ts'
import { foundNow } from '../../src/models/places.ts'
import { productsOf } from '../../src/models/products.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal } = createRandom(4)
const normals = (length: number): Float64Array => Float64Array.from({ length }, normal)
const posteriorOf = (theta: Float64Array, axis: Float64Array): Posterior => ({
  theta,
  axis,
  explained: 0,
  factor: new Float64Array(0),
})
const isNear = (value: number, expected: number, within: number) =>
  assert.ok(Math.abs(value - expected) <= within, `${value} and not ${expected}`)

describe('products of posteriors and a state', () => {
  for (const d of [1, 7, 72])
    test(`θᵀφ and uᵀφ of ${d} elements, of those that are known; asked again they are the same`, () => {
      const posteriors = Array.from({ length: 900 }, (_, i) =>
        i % 3 ? posteriorOf(normals(d), normals(d)) : undefined,
      )
      for (let round = 0; round < 3; round++) {
        const phi = normals(d)
        const { mean, along } = productsOf(foundNow(posteriors), phi)
        for (const [k, posterior] of posteriors.entries()) {
          if (!posterior) assert.deepEqual([mean[k], along[k]], [0, 0])
          else {
            isNear(mean[k], dot(posterior.theta, phi), 1e-13 * d)
            isNear(along[k], dot(posterior.axis, phi), 1e-6 * d)
          }
        }
        assert.ok(posteriors.every(posterior => !posterior || posterior.line! >= 0))
      }
    })

  for (const size of [0, 1e-200, 1e-38, 1e38, 1e200, 3e307])
    test(`states of size ${size}`, () => {
      const one = posteriorOf(Float64Array.of(3, -1), Float64Array.of(1, 2))
      const { mean, along } = productsOf(foundNow([one]), Float64Array.of(2 * size, size))
      isNear(mean[0], 5 * size, 1e-14 * size)
      isNear(along[0], 4 * size, 1e-6 * size)
    })

  test('an axis beyond float32 says nothing, and what is no number stays none', () => {
    const broken = posteriorOf(Float64Array.of(Number.NaN), Float64Array.of(1e200))
    const { mean, along } = productsOf(foundNow([broken]), Float64Array.of(1))
    assert.ok(Number.isNaN(mean[0]))
    assert.equal(along[0], 0)
  })
})
