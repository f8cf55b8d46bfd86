import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { offsetOf } from '../../src/learner/linear/content.ts'
import { directionOf, type Likeness } from '../../src/learner/linear/likeness.ts'
import { dot, packedLength } from '../../src/learner/linear/matrix.ts'
import type { Prior } from '../../src/learner/linear/posterior.ts'
import { addForetold } from '../../src/models/foretold.ts'
import type { CandidateVectors, VectorsByRow } from '../../src/models/policy.ts'
import { createRandom } from '../../src/state/random.ts'

const { normal } = createRandom(8)
const normals = (length: number): Float64Array => Float64Array.from({ length }, normal)
const vectorOf = (length: number): Float32Array => Float32Array.from(normals(length))
const isNear = (value: number, expected: number, within: number) =>
  assert.ok(Math.abs(value - expected) <= within, `${value} and not ${expected}`)
const none = new Float64Array(0)
/** Priors that are the same one as long as their likeness is. */
const priors = new WeakMap<Likeness, Prior>()
function priorWith(likeness: Likeness): Prior {
  if (!priors.has(likeness)) priors.set(likeness, { mean: none, precision: none, likeness })
  return priors.get(likeness)!
}
/** What is added to the mean of each. */
function foretoldIn(prior: Prior, phi: Float64Array, candidates: CandidateVectors, of: number[]): Float64Array {
  const mean = new Float64Array(candidates.itemIds.length)
  addForetold(prior, phi, candidates, of, mean)
  return Float64Array.from(of, k => mean[k])
}
const likenessIn = (likeness: Likeness, phi: Float64Array, candidates: CandidateVectors, of: number[]): Float64Array =>
  foretoldIn(priorWith(likeness), phi, candidates, of)

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
      get newestStamp() {
        return stamp
      },
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

  test('an offset is added, times the constant, with likeness and without, by row and without', () => {
    const content = normals(width)
    const vectors = [vectorOf(width), vectorOf(width), vectorOf(width + 1), new Float32Array(width)]
    const itemIds = ['a', 'b', 'c', 'd']
    const rows = { catalogue: catalogueOf(...vectors), numbers: [0, 1, 2, 3] }
    for (const prior of [
      { mean: none, precision: none, content },
      { mean: none, precision: none, content, likeness },
    ])
      for (const candidates of [
        { itemIds, vectors },
        { itemIds, vectors, rows },
      ]) {
        const added = foretoldIn(prior, phi, candidates, [0, 1, 2, 3])
        for (const [k, itemId] of itemIds.entries()) {
          const alike = 'likeness' in prior ? likenessIn(likeness, phi, candidates, [k])[0] : 0
          isNear(added[k], offsetOf(content, itemId, vectors[k]) * phi[0] + alike, 1e-12)
        }
        assert.ok(added[0] !== added[1] && added[2] === 0)
      }
  })

  test('nothing is added where neither says anything, nor to others', () => {
    const candidates = named(vectorOf(width))
    assert.equal(foretoldIn({ mean: none, precision: none }, phi, candidates, [0])[0], 0)
    const mean = Float64Array.of(1)
    addForetold(priorWith(likeness), phi, candidates, [], mean)
    assert.equal(mean[0], 1)
  })
})
