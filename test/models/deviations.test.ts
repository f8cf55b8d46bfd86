import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addOuter, cholesky, dot, packedLength, solveLower } from '../../src/learner/linear/matrix.ts'
import { createPanels, lengthsFor } from '../../src/models/deviations/lengths.ts'
import { panelsOf } from '../../src/models/deviations/panels.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal, uniform } = createRandom(6)
const normals = (d: number): Float64Array => Float64Array.from({ length: d }, normal)

/** The factor of what so many decisions leave beside a prior of .1. */
function factorOf(d: number, decisions: number): Float64Array {
  const sums = new Float64Array(packedLength(d))
  for (let n = 0; n < decisions; n++) addOuter(sums, normals(d), 2 * uniform())
  const factor = new Float64Array(sums.length)
  assert.ok(cholesky(sums, d, 1, 0.1, factor))
  return factor
}

/** In float64, row by row. */
function plainLength(factor: Float64Array, x: Float64Array): number {
  const solved = new Float64Array(x.length)
  solveLower(factor, x, solved)
  return Math.sqrt(dot(solved, solved))
}

describe('deviations by panels', () => {
  for (const d of [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 73, 200])
    for (const decisions of [0, 3, 1000])
      test(`of ${d} dimensions after ${decisions} decisions are those of float64 to three digits and more`, () => {
        const factors = [1, 2, 3].map(() => factorOf(d, decisions))
        const x = normals(d)
        const lengthOf = lengthsFor(x)
        for (const factor of factors) {
          const ratio = lengthOf(createPanels(panelsOf(factor, d))) / plainLength(factor, x)
          assert.ok(Math.abs(ratio - 1) < 2e-4, `${ratio}`)
        }
      })

  test('a wide state needs more memory, a narrow one after it none of what it left', () => {
    const wide = 1500
    const diagonal = new Float64Array(packedLength(wide))
    for (let i = 0; i < wide; i++) diagonal[packedLength(i) + i] = i + 1
    const x = normals(wide)
    const expected = Math.sqrt(x.reduce((sum, value, i) => sum + (value / (i + 1)) ** 2, 0))
    assert.ok(Math.abs(lengthsFor(x)(createPanels(panelsOf(diagonal, wide))) / expected - 1) < 1e-6)
    const factor = factorOf(5, 10)
    const narrow = normals(5)
    assert.ok(Math.abs(lengthsFor(narrow)(createPanels(panelsOf(factor, 5))) / plainLength(factor, narrow) - 1) < 1e-5)
  })
})
