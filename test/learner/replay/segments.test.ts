import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBuffer, type Entry } from '../../../src/learner/replay/buffer.ts'
import { drawSegments, segmentFrom } from '../../../src/learner/replay/segments.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf } from '../examples.ts'

const state = Float64Array.of(1, 0)

/** Decision `n` of a session that goes on to `n + 1`. */
const step = (n: number, next: number | null, changes: object = {}) =>
  exampleOf(
    state,
    {
      transition_id: `d${n}/0`,
      decision_id: `d${n}`,
      discount: next === null ? null : 0.9,
      next_decision_id: next === null ? null : `d${next}`,
      ...changes,
    },
    { nextState: next === null ? null : state },
  )

const idsFrom = (examples: ReturnType<typeof step>[], most = 10): string[] => {
  const buffer = createBuffer(10, true)
  for (const example of examples) buffer.put(example)
  const first = buffer.find('d0/0')!
  return segmentFrom(buffer, first, most).map(({ example }) => example.transition.decision_id)
}

describe('a segment', () => {
  const cases: [string, ReturnType<typeof step>[], string[]][] = [
    [
      'follows decisions up to the newest whose continuation is known',
      [step(0, 1), step(1, 2), step(2, null)],
      ['d0', 'd1'],
    ],
    ['ends where the episode does', [step(0, 1), step(1, null, { terminated: true }), step(2, 3)], ['d0', 'd1']],
    ['ends before a decision that is not here', [step(0, 1), step(2, 3)], ['d0']],
    ['is empty while nothing is known beyond its first', [step(0, null), step(1, 2)], []],
    ['does not depend on the order of arrival', [step(2, 3), step(1, 2), step(0, 1)], ['d0', 'd1', 'd2']],
  ]
  for (const [name, examples, expected] of cases) test(name, () => assert.deepEqual(idsFrom(examples), expected))
  test('is no longer than asked', () =>
    assert.deepEqual(idsFrom([step(0, 1), step(1, 2), step(2, 3)], 2), ['d0', 'd1']))
})

describe('drawn segments', () => {
  const buffer = createBuffer(30, true)
  for (let n = 0; n < 30; n++) buffer.put(step(n, n % 6 === 5 ? null : n + 1, { terminated: n % 6 === 5 }))
  const drawn = (seed: number, rows: number, most: number) => drawSegments(buffer, createRandom(seed), rows, most)
  const numberOf = (entry: Entry): number => Number(entry.example.transition.decision_id.slice(1))

  for (const seed of [1, 2, 3])
    test(`follow sessions, no decision is in two, no more than asked, seed ${seed}`, () => {
      const segments = drawn(seed, 20, 4).map(each => each.map(numberOf))
      const all = segments.flat()
      assert.equal(new Set(all).size, all.length)
      assert.ok(all.length <= 20 && all.length > 10, String(all.length))
      for (const segment of segments) {
        assert.ok(segment.length <= 4)
        assert.ok(segment.every((n, i) => n === segment[0] + i && n < 6 * (Math.floor(segment[0] / 6) + 1)))
      }
    })

  test('begin anywhere alike', () => {
    const begun = new Float64Array(30)
    for (let seed = 0; seed < 3000; seed++) begun[numberOf(drawn(seed, 1, 4)[0][0])]++
    // 100 each; five standard deviations of a binomial count
    assert.ok(
      begun.every(count => Math.abs(count - 100) < 50),
      String(begun),
    )
  })

  test('of nothing there is none', () =>
    assert.deepEqual(drawSegments(createBuffer(5, true), createRandom(1), 4, 4), []))
})
