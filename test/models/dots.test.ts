import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dot } from '../../src/learner/linear/matrix.ts'
import { dotsWith, placesOf, RING_BYTES, roundingOfDots, type Stood } from '../../src/models/dots/dots.ts'
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
function standing(vectors: readonly ArrayBufferView[]): Stood & { readonly lines: number[]; readonly asked: number[] } {
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
      const [sums] = dotsWith(x, vectors.length, standing(vectors))
      for (const [i, vector] of vectors.entries()) {
        isNear(sums[i], dot(x, Float64Array.from(vector)), roundingOf(x, vector))
      }
    })

  test('of none, and of the first of many', () => {
    assert.equal(dotsWith(normals(4), 0, standing([]))[0].length, 0)
    const stood = standing([vectorOf(4), vectorOf(4)])
    assert.equal(dotsWith(normals(4), 1, stood)[0].length, 1)
    assert.deepEqual(stood.asked, [0])
  })

  test('more vectors than the ring holds: each is what it was, and only who was written over is read again', () => {
    const x = Float64Array.from({ length: 1024 }, (_, i) => (i < 2 ? 1 : 0))
    const count = Math.ceil((1.5 * RING_BYTES) / (4 * x.length))
    const vectors = Array.from({ length: count }, (_, n) => Float32Array.from(x, (_, i) => (i === 0 ? 1 : n / count)))
    const stood = standing(vectors)
    for (let round = 0; round < 2; round++) {
      const [sums] = dotsWith(x, count, stood)
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
    const [sums] = dotsWith(x, mixed.length, some)
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
      for (const [i, sum] of dotsWith(x, vectors.length, stood)[0].entries())
        isNear(sum / (x.length * 1e-6), i + 1, 0.1)
  })

  test('two states in turns', () => {
    const stood = standing([Float32Array.of(1, 1)])
    for (const [x, sum] of [
      [[3, 4], 7],
      [[1, 2], 3],
      [[3, 4], 7],
    ] as const)
      assert.equal(dotsWith(Float64Array.from(x), 1, stood)[0][0], sum)
    assert.deepEqual(stood.asked, [0])
  })

  for (const length of [1, 8, 9, 17, 100])
    test(`vectors of ${length} elements that stand together, each by itself and as exact as its numbers`, () => {
      const numbers = [Float64Array, Float32Array, Float64Array] as const
      const places = placesOf(length, numbers)
      const x = normals(length)
      const lines = Array.from({ length: 700 }, () => numbers.map(() => normals(length)))
      const bytes = lines.map(line => {
        const filled = new Uint8Array(places.at(-1)!)
        for (const [n, Numbers] of numbers.entries()) new Numbers(filled.buffer, places[n], length).set(line[n])
        return filled
      })
      const sums = dotsWith(x, lines.length, standing(bytes), numbers)
      for (const [i, line] of lines.entries())
        for (const [n, v] of line.entries())
          isNear(sums[n][i], dot(x, v), roundingOf(x, Float32Array.from(v)) * (n === 1 ? 1 : 1e-9))
    })

  test('rounding is no more than is said', () => {
    for (const length of [1, 16, 72, 300]) {
      let most = 0
      for (let round = 0; round < 300; round++) {
        const [x, v] = [normals(length), normals(length)]
        const [[sum]] = dotsWith(x, 1, standing([Float32Array.from(v)]))
        const lengths = Math.sqrt(dot(x, x) * dot(v, v))
        most = Math.max(most, Math.abs(sum - dot(x, v)) / lengths)
      }
      assert.ok(most <= roundingOfDots(length), `${most} at ${length}`)
      assert.ok(most > 1e-9)
    }
  })
})
