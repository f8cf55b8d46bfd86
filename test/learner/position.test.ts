import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../schemas/records.ts'
import { createSlates, examination } from '../../src/environments/slates.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'
import { createPositions } from '../../src/learner/position.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'
import { snapshotOf, transitionOf } from './examples.ts'

const shown = (item: string, slot: number, changes: Partial<Transition> = {}) =>
  transitionOf({ transition_id: `d/${slot}`, action: [item], slot, slots: 5, ...changes })
const clicked = { kind: 'reward', delta: { click: 1 }, cumulative: { click: 1 } } as const
const takenBack = { kind: 'retraction', delta: { click: -1 }, cumulative: { click: 0 } } as const

describe('examination', () => {
  test('before anything is known a place counts by its number', () => {
    const positions = createPositions()
    assert.deepEqual([0, 1, 3].map(positions.examination), [1, 1 / 2, 1 / 4])
    assert.equal(positions.examination(1000), positions.examination(49))
  })
  test('is found where items stand at random places', () => {
    const positions = createPositions()
    const random = createRandom(1)
    for (let n = 0; n < 40_000; n++) {
      const slot = Math.floor(5 * random.uniform())
      const item = Math.floor(8 * random.uniform())
      positions.count(shown(`i${item}`, slot))
      if (random.uniform() < examination[slot] * (0.1 + 0.05 * item)) positions.count(shown(`i${item}`, slot, clicked))
    }
    examination.forEach((truth, k) => {
      assert.ok(Math.abs(positions.examination(k) - truth) < 0.05, `${k}: ${positions.examination(k)}`)
    })
  })
  test('where the best always stands on top, and only what explores stands elsewhere', () => {
    const positions = createPositions()
    const random = createRandom(2)
    for (let n = 0; n < 60_000; n++) {
      const slot = Math.floor(5 * random.uniform())
      const item = random.uniform() < 0.9 ? 4 - slot : Math.floor(5 * random.uniform())
      positions.count(shown(`i${item}`, slot))
      const likes = 0.1 + 0.15 * item
      if (random.uniform() < examination[slot] * likes) positions.count(shown(`i${item}`, slot, clicked))
    }
    examination.forEach((truth, k) => {
      assert.ok(Math.abs(positions.examination(k) - truth) < 0.08, `${k}: ${positions.examination(k)}`)
    })
  })
  test('single places, and slates as a whole, say nothing', () => {
    const positions = createPositions()
    positions.count(shown('a', 0, { slots: 1 }))
    positions.count(shown('a', -1))
    assert.deepEqual(positions.encode(), [])
  })
  test('a click that is taken back was none; checkpoints hold everything', () => {
    const [one, other] = [createPositions(), createPositions()]
    for (const positions of [one, other]) positions.count(shown('a', 1))
    one.count(shown('a', 1, clicked))
    assert.notDeepEqual(one.encode(), other.encode())
    one.count(shown('a', 1, takenBack))
    assert.deepEqual(one.encode(), other.encode())
    const copy = createPositions()
    copy.add(one.encode())
    assert.deepEqual(copy.encode(), one.encode())
  })
})

describe('the true order of the items', () => {
  const environment = createSlates()
  const ids = environment.items().map(item => item.item_id)
  const worstFirst = [...environment.liking].sort((a, b) => a[1] - b[1]).map(([id]) => id)
  /** A shop's old rule: bad items mostly on top, with enough change to learn from. */
  const oldRule = (n: number): readonly string[] => {
    const random = createRandom(n)
    return worstFirst
      .map((id, rank) => [id, rank + 16 * random.uniform()] as const)
      .sort((a, b) => a[1] - b[1])
      .slice(0, 5)
      .map(([id]) => id)
  }
  /** Part of the pairs that the learner puts in the true order. */
  const concordance = (positions: boolean): number => {
    const options = { decisions: 6000, seed: 1, paceMs: 1000, delays: false, publishEvery: 500 }
    const { policy, config } = run({ environment, ...options, positions, slate: oldRule })
    const encoder = createStateEncoder(config)
    const scores = [0, 1, 2, 3].map(g => {
      const snapshot = { ...snapshotOf(), context: { group: `g${g}` } }
      return policy.scorer(
        encoder.encode(snapshot, () => undefined),
        { itemIds: ids, vectors: [] },
      ).mean
    })
    const estimate = new Map(ids.map((id, i) => [id, scores.reduce((sum, mean) => sum + mean[i], 0)]))
    const pairs = ids
      .flatMap(a => ids.map(b => [a, b]))
      .filter(([a, b]) => environment.liking.get(a)! > environment.liking.get(b)! + 0.04)
    return pairs.filter(([a, b]) => estimate.get(a)! > estimate.get(b)!).length / pairs.length
  }
  test('is recovered from a log in which bad items stood on top, and is not by who reads clicks as they are', () => {
    const weighed = concordance(true)
    const naive = concordance(false)
    assert.ok(weighed > 0.95, `weighed: ${weighed}`)
    assert.ok(naive < 0.85, `naive: ${naive}`)
  })
})
