import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { directionOf, type Likeness } from '../../src/learner/linear/likeness.ts'
import { dot, packedLength } from '../../src/learner/linear/matrix.ts'
import { dotsWith, RING_BYTES, type Stood } from '../../src/models/likeness/dots.ts'
import { likenessIn } from '../../src/models/likeness/likeness.ts'
import type { VectorsByRow } from '../../src/models/policy.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal } = createRandom(8)
const normals = (length: number): Float64Array => Float64Array.from({ length }, normal)
const vectorOf = (length: number): Float32Array => Float32Array.from(normals(length))
const isNear = (value: number, expected: number, within: number) =>
  assert.ok(Math.abs(value - expected) <= within, `${value} and not ${expected}`)
/** Of float32, as far as x looks at the vector. */
const roundingOf = (x: Float64Array, vector: Float32Array): number =>
  x.reduce((sum, value, i) => sum + Math.abs(value * vector[i]), 0) * 1e-6

/** Of vectors that stand nowhere yet. */
function standing(vectors: readonly Float32Array[]): Stood & { readonly lines: number[]; readonly asked: number[] } {
  const lines = vectors.map(() => -1)
  const asked: number[] = []
  return {
    lines,
    asked,
    vector(i) {
      asked.push(i)
      return vectors[i]
    },
    lineOf: i => lines[i],
    standsIn(i, line) {
      lines[i] = line
    },
  }
}

describe('dot products in the kernel', () => {
  for (const length of [1, 2, 15, 16, 17, 64, 100, 1000])
    test(`of vectors of ${length} elements, after longer and shorter ones stood where they stand`, () => {
      for (const other of [length + 40, Math.max(1, length - 1)])
        dotsWith(normals(other), 1, standing([vectorOf(other).fill(-1)]))
      const x = normals(length)
      const vectors = Array.from({ length: 1200 }, () => vectorOf(length))
      const sums = dotsWith(x, vectors.length, standing(vectors))
      for (const [i, vector] of vectors.entries()) {
        isNear(sums[i], dot(x, Float64Array.from(vector)), roundingOf(x, vector))
      }
    })

  test('of none, and of the first of many', () => {
    assert.equal(dotsWith(normals(4), 0, standing([])).length, 0)
    const stood = standing([vectorOf(4), vectorOf(4)])
    assert.equal(dotsWith(normals(4), 1, stood).length, 1)
    assert.deepEqual(stood.asked, [0])
  })

  test('more vectors than the ring holds: each is what it was, and only who was written over is read again', () => {
    const x = Float64Array.from({ length: 1024 }, (_, i) => (i < 2 ? 1 : 0))
    const count = Math.ceil((1.5 * RING_BYTES) / (4 * x.length))
    const vectors = Array.from({ length: count }, (_, n) => Float32Array.from(x, (_, i) => (i === 0 ? 1 : n / count)))
    const stood = standing(vectors)
    for (let round = 0; round < 2; round++) {
      const sums = dotsWith(x, count, stood)
      for (let n = 0; n < count; n++) isNear(sums[n], 1 + n / count, 1e-6)
    }
    // the oldest that are there, amid others that are not and are put where those stand before they are added up
    const oldest = count - RING_BYTES / (4 * x.length)
    const mixed = Array.from({ length: 400 }, (_, i) => (i % 2 ? i : oldest + i))
    const some = {
      vector: (i: number) => stood.vector(mixed[i]),
      lineOf: (i: number) => stood.lineOf(mixed[i]),
      standsIn: (i: number, line: number) => stood.standsIn(mixed[i], line),
    }
    const sums = dotsWith(x, mixed.length, some)
    for (const [i, n] of mixed.entries()) isNear(sums[i], 1 + n / count, 1e-6)
    stood.asked.length = 0
    dotsWith(x, mixed.length, some)
    assert.deepEqual(stood.asked, [])
  })

  test('vectors of which few fit into the ring', () => {
    const x = new Float64Array(RING_BYTES / 12).fill(1e-6)
    const vectors = [1, 2, 3, 4, 5].map(n => new Float32Array(x.length).fill(n))
    const stood = standing(vectors)
    for (let round = 0; round < 2; round++)
      for (const [i, sum] of dotsWith(x, vectors.length, stood).entries()) isNear(sum / (x.length * 1e-6), i + 1, 0.1)
  })

  test('two states in turns', () => {
    const stood = standing([Float32Array.of(1, 1)])
    for (const [x, sum] of [
      [[3, 4], 7],
      [[1, 2], 3],
      [[3, 4], 7],
    ] as const)
      assert.equal(dotsWith(Float64Array.from(x), 1, stood)[0], sum)
    assert.deepEqual(stood.asked, [0])
  })
})

describe('likeness of candidates', () => {
  const width = 5
  const spread = Array.from({ length: 20 }, () => normals(width))
  const covariance = Float64Array.from({ length: packedLength(width) })
  for (let i = 0, k = 0; i < width; i++)
    for (let j = 0; j <= i; j++) covariance[k++] = spread.reduce((sum, x) => sum + x[i] * x[j], 0)
  const likeness: Likeness = { from: 2, coefficient: -3, covariance }
  const phi = normals(9)
  const expected = (vector: Float32Array) =>
    -3 * dot(directionOf(covariance, vector), phi.slice(likeness.from, likeness.from + width))

  /** Of one row, whose vector is what it is set to. */
  function catalogueOf(...vectors: Float32Array[]): VectorsByRow & { set(row: number, vector: Float32Array): void } {
    const stamps = vectors.map((_, row) => row + 1)
    let stamp = vectors.length
    return {
      vectorOf: row => vectors[row],
      stampOf: row => stamps[row],
      set(row, vector) {
        vectors[row] = vector
        stamps[row] = ++stamp
      },
    }
  }
  const named = (vector: Float32Array) => ({ itemIds: ['a'], vectors: [vector] })
  const inRow = (row: number, catalogue: VectorsByRow) => ({
    itemIds: ['a'],
    vectors: [new Float32Array(width).fill(99)],
    rows: { catalogue, numbers: [row] },
  })

  test('is c times what r has of x, to the bit the same with a row and without, when first asked and when asked again', () => {
    const vectors = Array.from({ length: 2100 }, () => vectorOf(width))
    const catalogue = catalogueOf(...vectors)
    for (const row of [2099, 0, 2099, 1024])
      for (const candidates of [inRow(row, catalogue), named(vectors[row])]) {
        const value = likenessIn(likeness, phi, candidates, [0])[0]
        isNear(value, expected(vectors[row]), 1e-4)
        assert.equal(value, likenessIn({ ...likeness }, phi, named(vectors[row]), [0])[0])
      }
  })

  test('an item whose vector becomes another one is scored by that; a row of another catalogue is another row', () => {
    const catalogue = catalogueOf(vectorOf(width))
    for (const vector of [new Float32Array(width), vectorOf(width), vectorOf(width), vectorOf(width + 1)]) {
      catalogue.set(0, vector)
      const alone = likenessIn(likeness, phi, named(vector), [0])[0]
      assert.equal(likenessIn(likeness, phi, inRow(0, catalogue), [0])[0], alone)
    }
    // its row has the stamp of the other's, and another vector
    const [here, there] = [vectorOf(width), vectorOf(width)]
    for (const vector of [here, there, here]) {
      const value = likenessIn(likeness, phi, inRow(0, catalogueOf(vector)), [0])[0]
      assert.equal(value, likenessIn({ ...likeness }, phi, named(vector), [0])[0])
    }
  })

  test('is nothing for a vector of another length or of zeros, an item without a row and vector, a state without history', () => {
    for (const vector of [vectorOf(width - 1), vectorOf(width + 1), new Float32Array(width), new Float32Array(0)])
      assert.equal(likenessIn(likeness, phi, named(vector), [0])[0], 0)
    const without = { ...inRow(-1, catalogueOf()), vectors: [new Float32Array(width)] }
    assert.equal(likenessIn(likeness, phi, without, [0])[0], 0)
    assert.equal(likenessIn(likeness, new Float64Array(9), named(vectorOf(width)), [0])[0], 0)
  })

  test("however large or small an item's vector is its length says nothing, and what does not vary hides nothing", () => {
    const lost = covariance.map((value, k) => (k > 9 ? 0 : value))
    const blind = { ...likeness, covariance: lost }
    const state = phi.slice(likeness.from, likeness.from + width)
    for (const size of [1e-38, 1e-20, 1, 1e4, 3e38]) {
      const vector = new Float32Array(width).fill(size)
      const beside = Float32Array.from(vector, (value, i) => (i === width - 1 ? 1000 : value))
      for (const candidates of [named(vector), inRow(0, catalogueOf(vector))])
        isNear(likenessIn(likeness, phi, candidates, [0])[0], expected(new Float32Array(width).fill(1)), 1e-4)
      isNear(likenessIn(blind, phi, named(beside), [0])[0], -3 * dot(directionOf(lost, beside), state), 1e-4)
    }
  })

  test('of vectors and histories so large that their directions are lost in float32', () => {
    const size = 1e23
    const huge = { ...likeness, covariance: covariance.map(value => size * size * value) }
    const state = phi.map(value => size * value)
    const vector = vectorOf(width)
    const large = vector.map(value => size * value)
    const value = likenessIn(huge, state, named(large), [0])[0]
    isNear(value / size, expected(vector), 1e-4)
    assert.equal(likenessIn(huge, state, inRow(0, catalogueOf(large)), [0])[0], value)
  })

  test('of some of the candidates, in their order, those among them that have nothing left out', () => {
    const vectors = [vectorOf(width), new Float32Array(width), vectorOf(width), vectorOf(width + 1), vectorOf(width)]
    const candidates = {
      itemIds: ['a', 'b', 'c', 'd', 'e'],
      vectors,
      rows: { catalogue: catalogueOf(...vectors), numbers: [0, 1, 2, 3, -1] },
    }
    const added = likenessIn(likeness, phi, candidates, [4, 3, 1, 0])
    const alone = (k: number) => likenessIn(likeness, phi, named(vectors[k]), [0])[0]
    assert.deepEqual([...added], [alone(4), 0, 0, alone(0)])
    assert.deepEqual(likenessIn(likeness, phi, candidates, []), new Float64Array(0))
  })
})
