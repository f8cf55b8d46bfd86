import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { assign, type Member } from '../../src/log/assign.ts'

interface Case {
  readonly name: string
  readonly previous: Readonly<Record<string, readonly number[]>>
  readonly generations?: Readonly<Record<string, number>>
  readonly partitions: number
  readonly expected: Readonly<Record<string, readonly number[]>>
}

const cases: readonly Case[] = [
  { name: 'nobody', previous: {}, partitions: 4, expected: {} },
  { name: 'one member gets all', previous: { a: [] }, partitions: 3, expected: { a: [0, 1, 2] } },
  { name: 'newcomers share', previous: { a: [], b: [] }, partitions: 4, expected: { a: [0, 1], b: [2, 3] } },
  {
    name: 'an uneven rest goes to the first',
    previous: { a: [], b: [] },
    partitions: 3,
    expected: { a: [0, 1], b: [2] },
  },
  {
    name: 'a second member takes half, the rest stays',
    previous: { a: [0, 1, 2, 3], b: [] },
    partitions: 4,
    expected: { a: [0, 1], b: [2, 3] },
  },
  {
    name: 'one of three leaves: only its partitions move',
    previous: { a: [0, 1], c: [4, 5] },
    partitions: 6,
    expected: { a: [0, 1, 2], c: [3, 4, 5] },
  },
  {
    name: 'who owns more keeps the larger share',
    previous: { a: [0], b: [1, 2] },
    partitions: 3,
    expected: { a: [0], b: [1, 2] },
  },
  {
    name: 'a late third: one each, one move',
    previous: { a: [0, 1], b: [2], c: [] },
    partitions: 3,
    expected: { a: [0], b: [2], c: [1] },
  },
  {
    name: 'more members than partitions',
    previous: { a: [], b: [1], c: [] },
    partitions: 2,
    expected: { a: [0], b: [1], c: [] },
  },
  {
    name: 'partitions that no longer exist are forgotten',
    previous: { a: [0, 7], b: [-1, 1] },
    partitions: 2,
    expected: { a: [0], b: [1] },
  },
  {
    name: 'of two claims the newer generation holds',
    previous: { a: [0, 1], b: [0, 1] },
    generations: { a: 3, b: 4 },
    partitions: 4,
    expected: { a: [2, 3], b: [0, 1] },
  },
]

describe('assign', () => {
  for (const { name, previous, generations = {}, partitions, expected } of cases)
    test(name, () => {
      const members = Object.entries(previous).map(([id, owned]) => ({
        id,
        previous: owned,
        generation: generations[id],
      }))
      assert.deepEqual(Object.fromEntries(assign(members, partitions)), expected)
      assert.deepEqual(Object.fromEntries(assign(members.reverse(), partitions)), expected)
    })

  const scene = fc.record({
    partitions: fc.nat(24),
    members: fc.integer({ min: 1, max: 8 }),
    seed: fc.array(fc.nat(7), { minLength: 24, maxLength: 24 }),
  })

  test('is complete, disjoint, balanced, and moves as few as possible', () => {
    fc.assert(
      fc.property(scene, ({ partitions, members: count, seed }) => {
        // seed[p] is the owner before; owners beyond `count` have gone
        const members: Member[] = Array.from({ length: count }, (_, m) => ({
          id: `m${m}`,
          previous: seed.flatMap((owner, p) => (owner === m && p < partitions ? [p] : [])),
        }))
        const result = assign(members, partitions)
        const all = [...result.values()].flat().sort((a, b) => a - b)
        assert.deepEqual(
          all,
          Array.from({ length: partitions }, (_, p) => p),
        )
        const sizes = [...result.values()].map(list => list.length)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
        const kept = members.reduce((sum, m) => sum + m.previous.filter(p => result.get(m.id)!.includes(p)).length, 0)
        assert.equal(
          kept,
          mostThatCanStay(
            members.map(m => m.previous.length),
            partitions,
          ),
        )
      }),
    )
  })

  test('changes nothing when run again on its own result', () => {
    fc.assert(
      fc.property(scene, ({ partitions, members: count }) => {
        const first = assign(
          Array.from({ length: count }, (_, m) => ({ id: `m${m}`, previous: [] })),
          partitions,
        )
        const again = assign(
          [...first].map(([id, previous]) => ({ id, previous })),
          partitions,
        )
        assert.deepEqual(again, first)
      }),
    )
  })
})

/** By brute force over who gets the larger shares. */
function mostThatCanStay(owned: readonly number[], partitions: number): number {
  const share = Math.floor(partitions / owned.length)
  const larger = partitions % owned.length
  let best = 0
  for (let mask = 0; mask < 1 << owned.length; mask++) {
    const bits = owned.map((_, i) => (mask >> i) & 1)
    if (bits.reduce((a, b) => a + b, 0) !== larger) continue
    best = Math.max(
      best,
      owned.reduce((sum, n, i) => sum + Math.min(n, share + bits[i]), 0),
    )
  }
  return best
}
