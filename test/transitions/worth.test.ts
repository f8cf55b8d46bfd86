/** What the joiner counts of the worth of slots: reward rate by mode, by who chose and by version. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Release } from '../../schemas/records.ts'
import type { Count } from '../../src/stage.ts'
import { createJoiner, type JoinerState } from '../../src/transitions/step.ts'
import { createTraffic } from '../../src/transitions/traffic.ts'
import { decision, input, makeConfig, outcome, tick } from './make.ts'

const rewards = {
  click: { weight: 1 },
  purchase: { weight: 10 },
  hide: { weight: -2 },
  refund: { cancels: 'purchase' },
} as const

const release: Release = {
  release_version: 'r1',
  policy: 'default',
  time_ms: 0,
  shares: [
    { model_version: '0002', share: 0.9, follows: true },
    { model_version: '0007', share: 0.1, follows: false },
  ],
  mode: 'online',
  reason: 'manual',
  refused_version: null,
  evidence: {},
}

/** Counters by metric and labels, over steps at seconds 1, 2 … */
function counted(...steps: (readonly Parameters<typeof input>[0][])[]) {
  const joiner = createJoiner(makeConfig({ rewards }))
  const traffic = createTraffic()
  traffic.put(release)
  const state = joiner.open(0) as JoinerState
  const sums = new Map<string, number>()
  for (const [i, records] of steps.entries()) {
    const { counts } = joiner.step(state, records.map(input), tick(i + 1), traffic)
    state.commit()
    for (const { metric, labels, value } of counts as readonly Count[]) {
      const key = [metric.replace('feedloop_slots_', ''), ...Object.values(labels ?? {})].join(' ')
      sums.set(key, (sums.get(key) ?? 0) + value)
    }
  }
  return (key: string) => sums.get(key) ?? 0
}

test('slots and rewards by who chose: a slate counts slot by slot, and its whole no second time', () => {
  const of = counted([
    decision('d1', 0, { items: ['a', 'b'] }),
    outcome('click', 'd1', 1, { slot: 0 }),
    decision('d2', 0, { items: ['c'], chosen_by: 'baseline', mode: 'apprentice', model_version: '' }),
    outcome('purchase', 'd2', 1),
  ])
  assert.equal(of('joined_total default online policy following'), 2)
  assert.equal(of('reward_total default online policy following'), 1)
  assert.equal(of('joined_total default apprentice baseline initial'), 1)
  assert.equal(of('reward_total default apprentice baseline initial'), 10)
})

test('a negative reward and a retraction are penalties, weighed as the policy weighs', () => {
  const of = counted(
    [decision('d', 0), outcome('hide', 'd', 1), outcome('purchase', 'd', 1)],
    [outcome('refund', 'd', 2)],
  )
  assert.equal(of('joined_total default online policy following'), 1)
  assert.equal(of('reward_total default online policy following'), 8, 'a revision counts as a whole')
  assert.equal(of('penalty_total default online policy following'), 10)
})

test('a version with a share of its own is counted apart, whichever number it has', () => {
  const of = counted([
    decision('d1', 0, { model_version: '0007', items: ['a'] }),
    outcome('click', 'd1', 1),
    decision('d2', 0, { model_version: '0001', items: ['b'] }),
  ])
  assert.equal(of('reward_total default online policy pinned'), 1)
  assert.equal(of('joined_total default online policy pinned'), 1)
  assert.equal(of('joined_total default online policy following'), 1)
})
