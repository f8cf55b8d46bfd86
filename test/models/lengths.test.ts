import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiply } from '../../src/learner/linear/likeness.ts'
import { packedLength } from '../../src/learner/linear/matrix.ts'
import { lengthThrough } from '../../src/models/dots/lengths.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal } = createRandom(11)
const matrixOf = (d: number): Float64Array => Float64Array.from({ length: packedLength(d) }, normal)
const expected = (matrix: Float64Array, vector: Float32Array): number => Math.hypot(...multiply(matrix, vector))

test('is |S v|, of widths that fill their turns and that do not, of narrow ones after wide ones, of matrices in turns', () => {
  const matrices = [100, 64, 65, 63, 17, 9, 8, 7, 3, 2, 1].map(d => ({ d, matrix: matrixOf(d) }))
  for (let round = 0; round < 3; round++)
    for (const { d, matrix } of matrices) {
      const vector = Float32Array.from({ length: d }, normal)
      const length = expected(matrix, vector)
      assert.ok(Math.abs(lengthThrough(matrix, vector) - length) <= 1e-12 * length, `${d}`)
    }
})

test('of vectors one after the other, nothing of the one before; of no elements and of zeros 0', () => {
  const matrix = matrixOf(5)
  const vector = Float32Array.from({ length: 5 }, normal)
  const length = lengthThrough(matrix, vector)
  assert.equal(lengthThrough(matrix, new Float32Array(5)), 0)
  assert.equal(lengthThrough(matrix, vector), length)
  assert.equal(lengthThrough(new Float64Array(0), new Float32Array(0)), 0)
})
