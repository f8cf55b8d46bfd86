/** A slate put together of what its slots and its whole say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBuffer } from '../../../src/learner/replay/buffer.ts'
import { createSlateRewards } from '../../../src/learner/replay/slate-rewards.ts'
import { slateOf } from '../../../src/learner/slate-q/slates.ts'
import { exampleOf } from '../examples.ts'

type Components = Readonly<Record<string, number>>
interface Case {
  readonly slots: readonly Components[]
  readonly whole?: Components
  readonly expected: { readonly taken: readonly number[]; readonly reward: number } | undefined
}

const cases: Readonly<Record<string, Case>> = {
  'of slots alone, what they earned in all': {
    slots: [{ click: 1 }, { click: 2, view: 1 }],
    expected: { taken: [0, 1], reward: 4 },
  },
  'the whole says what it earned, with what names no place': {
    slots: [{}, { click: 1 }],
    whole: { click: 1, stay: 5 },
    expected: { taken: [1], reward: 6 },
  },
  'left, and yet something came of it': { slots: [{}, {}], whole: { stay: 5 }, expected: { taken: [], reward: 5 } },
  'something was taken, nobody says what: not learned': { slots: [{}, {}], whole: { click: 1 }, expected: undefined },
  'a choice that was taken back': {
    slots: [{}, {}],
    whole: { click: 0, stay: 1 },
    expected: { taken: [], reward: 1 },
  },
}

for (const [name, { slots, whole, expected }] of Object.entries(cases))
  test(name, () => {
    const kept = { buffer: createBuffer(10, false), wholes: createSlateRewards(10) }
    const of = (slot: number, cumulative: Components) =>
      exampleOf(
        Float64Array.of(1),
        { transition_id: `d/${slot}`, slot, slots: slots.length, discount: 0, cumulative },
        { candidates: [Float32Array.of(1)] },
      )
    slots.forEach((cumulative, slot) => {
      kept.buffer.put(of(slot, cumulative))
    })
    if (whole) assert.equal(kept.wholes.take(of(-1, whole)), undefined)
    const slate = slateOf(kept, { decision_id: 'd', slots: slots.length }, type => type === 'click')
    assert.deepEqual(slate && { taken: slate.taken, reward: slate.reward }, expected)
  })

test('of more slates than there is room for the oldest goes, and its late reward is not taken', () => {
  const wholes = createSlateRewards(2)
  const of = (decision_id: string, revision: number, click: number) =>
    exampleOf(Float64Array.of(1), {
      transition_id: `${decision_id}/-1`,
      decision_id,
      slot: -1,
      revision,
      kind: revision === 0 ? 'initial' : 'reward',
      cumulative: { click },
    })
  for (const id of ['a', 'b', 'c']) assert.equal(wholes.take(of(id, 0, 0)), undefined)
  assert.equal(wholes.take(of('a', 1, 1)), 'late_unlearned')
  assert.equal(wholes.take(of('b', 2, 2)), undefined)
  assert.equal(wholes.take(of('b', 1, 1)), undefined)
  assert.deepEqual(
    ['a', 'b', 'c'].map(id => wholes.find(id)?.reward),
    [undefined, 2, 0],
  )
})
