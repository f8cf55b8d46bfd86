import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addOuter, cholesky, dot, packedLength, solveLower } from '../../src/learner/linear/matrix.ts'
import { createPanels, lengthsFor, RING_BYTES } from '../../src/models/deviations/lengths.ts'
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

  test('more matrices than the ring holds, of two widths in turns, each asked again and again', () => {
    const widths = [200, 201].map(d => {
      const factor = factorOf(d, 3)
      return { d, x: normals(d), factor, bytes: panelsOf(factor, d) }
    })
    const count = Math.ceil((1.5 * RING_BYTES) / widths[0].bytes.length)
    // unlike each other by one number: the whole is scaled
    const all = Array.from({ length: count }, (_, n) => {
      const { d, x, factor } = widths[n % 2]
      const scale = 1 + n / count
      const panels = createPanels(
        panelsOf(
          factor.map(value => value * scale),
          d,
        ),
      )
      return { x, panels, length: plainLength(factor, x) / scale }
    })
    const order = [
      ...all,
      ...all.slice(-40),
      ...all.slice(0, 40),
      ...all.slice(count / 2, count / 2 + 40),
      ...all.slice(0, 40),
    ]
    for (const { x, panels, length } of order) assert.ok(Math.abs(lengthsFor(x)(panels) / length - 1) < 2e-4)
  })

  test('x is what it was when it was taken, whoever was asked between', () => {
    const [one, other] = [factorOf(9, 5), factorOf(6, 5)]
    const [x, y] = [normals(9), normals(6)]
    const expected = plainLength(one, x)
    const lengthOf = lengthsFor(x)
    const panels = createPanels(panelsOf(one, 9))
    x.fill(0)
    lengthsFor(y)(createPanels(panelsOf(other, 6)))
    assert.ok(Math.abs(lengthOf(panels) / expected - 1) < 2e-4)
    assert.equal(lengthsFor(x)(panels), 0)
  })
})
