import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../../schemas/records.ts'
import { createFresh, type Fresh, type FreshOptions } from '../../../src/learner/replay/fresh.ts'
import { exampleOf } from '../examples.ts'

const state = Float64Array.of(1, 0)
const options: FreshOptions = { capacity: 10, bootstraps: true, most: 3, maxPolicyLag: 2 }

/** Decision `n` of a session; `next`: of the decision after it, 'end' where the session ended, null while unknown. */
const step = (n: number, next: number | 'end' | null, changes: Partial<Transition> = {}) => {
  const goesOn = typeof next === 'number'
  return exampleOf(
    state,
    {
      transition_id: `d${n}/0`,
      decision_id: `d${n}`,
      discount: goesOn ? 0.9 : null,
      next_decision_id: goesOn ? `d${next}` : null,
      terminated: next === 'end',
      model_version: '5',
      ...changes,
    },
    { nextState: goesOn ? state : null },
  )
}
const segments = (fresh: Fresh, version = 5): string[] =>
  fresh.segments(version).map(each => each.map(({ example }) => example.transition.decision_id).join(' '))
const of = (examples: ReturnType<typeof step>[], changes: Partial<FreshOptions> = {}): Fresh => {
  const fresh = createFresh({ ...options, ...changes })
  for (const example of examples) assert.equal(fresh.take(example, 5), undefined)
  return fresh
}

describe('fresh transitions', () => {
  const cases: [string, ReturnType<typeof step>[], string[]][] = [
    ['a session that ended is handed out', [step(0, 1), step(1, 'end')], ['d0 d1']],
    ['one that goes on waits', [step(0, 1), step(1, null)], []],
    [
      'of a long one as many as a segment has',
      [step(0, 1), step(1, 2), step(2, 3), step(3, 4), step(4, null)],
      ['d0 d1 d2'],
    ],
    ['a next decision that has not been seen yet is waited for', [step(0, 1), step(1, 2)], []],
    [
      'as it is where all is told at the close: a continuation before the first of what comes next',
      [step(0, 1), step(1, 2), step(2, 'end')],
      ['d0 d1 d2'],
    ],
    [
      'so does one where observation ended, which itself is never known',
      [step(0, 1), step(1, null, { truncated: true })],
      ['d0'],
    ],
    ['sessions stand in order of arrival', [step(5, 'end'), step(0, 1), step(1, 'end')], ['d5', 'd0 d1']],
    ['whatever order a session came in', [step(2, 'end'), step(1, 2), step(0, 1)], ['d0 d1 d2']],
  ]
  for (const [name, examples, expected] of cases) test(name, () => assert.deepEqual(segments(of(examples)), expected))

  test('are used once; what comes later for them is late', () => {
    const fresh = of([step(0, 'end'), step(1, null)])
    fresh.remove(fresh.segments(5))
    const late = { kind: 'reward', revision: 1 } as const
    assert.equal(fresh.take(step(0, 'end', late), 5), 'late_unlearned')
    assert.equal(fresh.take(step(0, 'end'), 5), 'late_unlearned')
    assert.equal(fresh.take(step(1, 'end', { kind: 'close', revision: 1 }), 5), undefined)
    assert.deepEqual(segments(fresh), ['d1'])
  })

  test('a next decision that was used, is not taken or was dropped ends it', () => {
    const fresh = of([step(1, 2), step(2, 'end'), step(5, null), step(6, null)], { capacity: 3 })
    fresh.remove(fresh.segments(5))
    assert.deepEqual(fresh.stats(), { buffer: 2, stale: 0, waiting_evicted: 1 })
    fresh.take(step(0, 1), 5)
    assert.deepEqual(segments(fresh), ['d0'], 'd1 was dropped for want of room')
    fresh.remove(fresh.segments(5))
    fresh.take(step(7, 8), 5)
    assert.deepEqual(segments(fresh), [])
    fresh.pass(step(8, 'end'))
    assert.deepEqual(segments(fresh), ['d7'])
  })

  test('what had left before a restart is known after it', () => {
    const before = of([step(1, 'end'), step(0, 1)])
    before.remove([before.segments(5)[0].slice(1)])
    const after = createFresh(options)
    after.left.recall(before.left.ids())
    after.recall(step(0, 1))
    assert.deepEqual(segments(after), ['d0'])
    assert.equal(after.take(step(1, 'end'), 5), 'late_unlearned')
  })

  test('a next decision that is never seen is waited for as long as policies are fresh enough', () => {
    const fresh = of([step(0, 1)])
    assert.deepEqual(segments(fresh, 6), [])
    assert.deepEqual(segments(fresh, 7), ['d0'])
    assert.deepEqual(segments(fresh, 8), [])
    assert.deepEqual(fresh.dropped(), { stale: 1, evicted: 0 })
    assert.deepEqual(fresh.dropped(), { stale: 0, evicted: 0 })
  })

  test('what was used takes no place', () => {
    const fresh = of([step(0, null)], { capacity: 2 })
    for (let n = 1; n < 10; n++) {
      fresh.take(step(n, 'end'), 5)
      fresh.remove(fresh.segments(5))
    }
    assert.equal(fresh.take(step(0, 'end', { kind: 'close', revision: 1 }), 5), undefined)
    assert.deepEqual(segments(fresh), ['d0'])
    assert.deepEqual(fresh.stats(), { buffer: 1, stale: 0, waiting_evicted: 0 })
  })

  test('what too old a version decided is dropped, before it comes in and while it waits', () => {
    const fresh = of([step(0, 1), step(1, null)])
    assert.equal(fresh.take(step(9, 'end', { model_version: '2' }), 5), 'stale')
    assert.equal(fresh.take(step(9, 'end', { model_version: '2', kind: 'reward', revision: 1 }), 5), 'stale')
    assert.deepEqual(segments(fresh, 7), [])
    assert.deepEqual(fresh.stats(), { buffer: 2, stale: 1, waiting_evicted: 0 })
    assert.deepEqual(segments(fresh, 8), [])
    assert.deepEqual(fresh.stats(), { buffer: 0, stale: 3, waiting_evicted: 0 })
  })

  test('of more than there is room for the oldest go', () => {
    const fresh = of([step(0, 'end'), step(1, 'end'), step(2, 'end')], { capacity: 2 })
    assert.deepEqual(segments(fresh), ['d1', 'd2'])
    assert.deepEqual(fresh.stats(), { buffer: 2, stale: 0, waiting_evicted: 1 })
  })

  test('whether it ended is what the newest revision says, whatever order they came in', () => {
    const revised = (revision: number, truncated: boolean) => step(1, null, { kind: 'reward', revision, truncated })
    for (const order of [
      [1, 2],
      [2, 1],
    ]) {
      const fresh = of([step(0, 1), step(1, null)])
      for (const revision of order) fresh.take(revised(revision, revision === 2), 5)
      assert.deepEqual(segments(fresh), ['d0'], String(order))
    }
  })

  test('the reward is that of the last revision before the use, whatever order they came in', () => {
    const late = (revision: number, click: number) =>
      step(0, 'end', { kind: 'reward', revision, cumulative: { click } })
    const fresh = of([step(0, 'end'), late(2, 3), late(1, 2)])
    assert.equal(fresh.segments(5)[0][0].reward, 3)
  })
})
