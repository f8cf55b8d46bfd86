import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createHashedEncoder, hashedVector } from '../../src/features/hashed.ts'

const idOnly = (id: string) => ({ id, text: null, attributes: {} })
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0)
const gram = (vectors: readonly Float32Array[]) => vectors.map(a => vectors.map(b => dot(a, b)))

/** Largest eigenvalue by power iteration. */
function largest(matrix: readonly number[][]): number {
  let v = matrix.map((_, i) => 1 + i / 7)
  let norm = 0
  for (let round = 0; round < 3000; round++) {
    const w = matrix.map(row => row.reduce((sum, x, j) => sum + x * v[j], 0))
    norm = Math.hypot(...w)
    v = w.map(x => x / norm)
  }
  return norm
}

/** Ratio of the largest to the smallest eigenvalue of a symmetric positive matrix. */
function condition(matrix: readonly number[][]): number {
  const top = largest(matrix)
  const shifted = matrix.map((row, i) => row.map((x, j) => (i === j ? top * 1.0001 - x : -x)))
  return top / Math.max(top * 1.0001 - largest(shifted), 1e-12)
}

const series = (prefix: string, n: number, d: number) =>
  Array.from({ length: n }, (_, i) => hashedVector(idOnly(`${prefix}${i}`), d))

for (const [n, d] of [
  [10, 10],
  [10, 16],
  [20, 20],
  [20, 32],
  [64, 64],
])
  test(`${n} numbered ids alone are orthogonal in ${d} dimensions`, () => {
    const matrix = gram(series('item-', n, d))
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) assert.ok(Math.abs(matrix[i][j] - (i === j ? 1 : 0)) < 1e-5, `${i} ${j}`)
  })

test('more numbered ids than dimensions fill all directions alike', () => {
  for (const d of [16, 32, 64]) {
    const vectors = series('item-', 100, d)
    const columns = Array.from({ length: d }, (_, j) => Float32Array.from(vectors, vector => vector[j]))
    assert.ok(condition(gram(columns)) < 4, `${d}: ${condition(gram(columns))}`)
    const matrix = gram(vectors)
    const worst = Math.max(...matrix.flatMap((row, i) => row.filter((_, j) => j !== i).map(Math.abs)))
    assert.ok(worst < 0.95, `${d}: two items with cosine ${worst}`)
  }
})

test('ids that are no numbers stay well conditioned', () => {
  const names = 'anna bert carl dora emil fritz gerda hans ida jan'.split(' ')
  const vectors = names.map(name => hashedVector(idOnly(name), 64))
  assert.ok(condition(gram(vectors)) < 12, String(condition(gram(vectors))))
})

test('padded and plain numbers of one series are different items', () => {
  assert.ok(Math.abs(dot(hashedVector(idOnly('a07'), 32), hashedVector(idOnly('a7'), 32))) < 0.7)
})

test('the same words are near, other words are far', () => {
  const at = (text: string) => hashedVector({ id: '', text, attributes: {} }, 64)
  const film = at('a comedy film about a talking dog')
  assert.ok(dot(film, at('A comedy film with a TALKING dog')) > 0.6)
  assert.ok(Math.abs(dot(film, at('install package with npm'))) < 0.4)
})

test('a line is far from a page of the same words', () => {
  const at = (times: number) => hashedVector({ id: '', text: 'one two three '.repeat(times), attributes: {} }, 64)
  assert.ok(dot(at(5), at(6)) > 0.8)
  assert.ok(dot(at(5), at(100)) < 0.6)
})

test('near numbers are near, far numbers are far', () => {
  const at = (price: number) => hashedVector({ id: '', text: null, attributes: { price } }, 64)
  assert.ok(dot(at(100), at(110)) > 0.8)
  assert.ok(dot(at(100), at(10_000)) < 0.5)
  assert.ok(dot(at(-100), at(100)) < 0.5)
})

test('a profile without content is zero, not noise', async () => {
  const encoder = createHashedEncoder(16)
  assert.deepEqual([...(await encoder.encode([{ id: '', text: null, attributes: {} }]))[0]], Array(16).fill(0))
})

test('any content gives a finite unit vector, the same one each time', () => {
  const input = fc.record({
    id: fc.string({ minLength: 1 }),
    text: fc.option(fc.string()),
    attributes: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.double())),
  })
  fc.assert(
    fc.property(input, fc.integer({ min: 8, max: 64 }), (item, d) => {
      const vector = hashedVector(item, d)
      assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-4)
      assert.deepEqual(vector, hashedVector(item, d))
    }),
    { numRuns: 200 },
  )
})
