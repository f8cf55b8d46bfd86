import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBuffer } from '../../../src/learner/replay/buffer.ts'
import { segmentFrom } from '../../../src/learner/replay/segments.ts'
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
