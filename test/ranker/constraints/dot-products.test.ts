import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDotProducts } from '../../../src/ranker/constraints/dot-products.ts'
import { createRandom } from '../../../src/state/random.ts'

/** In four sums, as it is defined. */
function dot(a: Float32Array, b: Float32Array): number {
  const sums = [0, 0, 0, 0]
  for (let k = 0; k < a.length; k++) sums[k < a.length - (a.length % 4) ? k % 4 : 0] += a[k] * b[k]
  return sums[0] + sums[1] + (sums[2] + sums[3])
}

const random = createRandom(3)
const vectorsOf = (count: number, width: number) =>
  Array.from({ length: count }, () => Float32Array.from({ length: width }, () => random.normal()))

test('the same bits as in JavaScript, of any length, whoever asks in between', () => {
  const all = [1, 2, 3, 4, 5, 7, 64, 301].flatMap(width => [1, 3, 200].map(count => vectorsOf(count, width)))
  const asked = all.map(vectors => ({
    vectors,
    dots: createDotProducts(vectors),
    out: new Float64Array(vectors.length),
  }))
  for (let turn = 0; turn < 2; turn++)
    for (const { vectors, dots, out } of asked) {
      const own = vectors[turn % vectors.length]
      dots.of(turn % vectors.length, out)
      assert.deepEqual(
        [...out],
        vectors.map(vector => dot(vector, own)),
      )
      dots.squares(out)
      assert.deepEqual(
        [...out],
        vectors.map(vector => dot(vector, vector)),
      )
    }
})

test('of no vectors none, and none of no length', () => {
  createDotProducts([]).squares(new Float64Array(0))
  const out = Float64Array.of(7, 7)
  createDotProducts([new Float32Array(0), new Float32Array(0)]).squares(out)
  assert.deepEqual([...out], [0, 0])
})

test('of vectors of unequal length what they have in common counts, whichever comes first', () => {
  const [long, short] = [vectorsOf(5, 16), vectorsOf(5, 8)]
  createDotProducts(vectorsOf(40, 16)).squares(new Float64Array(40))
  for (const vectors of [
    [...long, ...short],
    [...short, ...long],
  ]) {
    const dots = createDotProducts(vectors)
    const out = new Float64Array(vectors.length)
    for (const [i, own] of vectors.entries()) {
      dots.of(i, out)
      const common = (other: Float32Array) => Math.min(own.length, other.length)
      assert.deepEqual(
        [...out],
        vectors.map(other => dot(other.subarray(0, common(other)), own.subarray(0, common(other)))),
      )
    }
    dots.squares(out)
    assert.deepEqual(
      [...out],
      vectors.map(vector => dot(vector, vector)),
    )
  }
})
