import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Example } from '../../../src/learner/learner.ts'
import { decodeBlock } from '../../../src/learner/linear/block.ts'
import { createChanges, isChanged, isChangesTensor, note } from '../../../src/learner/linear/changes.ts'
import { createLinearLearner, type LinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import { asFull, assertFinite, mergeVersion } from '../../../src/learner/tensors.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

/** Decisions until a change is found among `decisions` whose reward, of mean square 1, falls short by `shortfall`; rewards come
 * `lateBy` decisions later, twice as many are made from the middle on, and nothing is expected before the first reward. */
function foundAfter(
  shortfall: number,
  { decisions = 5000, lateBy = 0, expected = 0.5, dispersion = 1 } = {},
): number | undefined {
  const random = createRandom(7)
  const changes = createChanges()
  const coming: { at: number; decisionMs: number; reward: number }[] = []
  let newestMs = 0
  for (let i = 0; i < decisions; i++) {
    newestMs += i < decisions / 2 ? 10 : 5
    coming.push({ at: newestMs + 10 * lateBy, decisionMs: newestMs, reward: expected - shortfall + random.normal() })
    note(changes, {
      decisionMs: newestMs,
      newestMs,
      weight: 1,
      surplus: changes.rewards > 0 ? -expected : 0,
      reward: 0,
    })
    while (coming.length > 0 && coming[0].at <= newestMs) {
      const { decisionMs, reward } = coming.shift()!
      note(changes, { decisionMs, newestMs, weight: 0, surplus: reward, reward })
    }
    if (isChanged(changes, newestMs, 1, dispersion)) return i
  }
  return undefined
}

const options: LinearOptions = {
  ...plainFeatures(2),
  priorPrecision: 1,
  maxItems: 10,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
  watch: () => 1,
}
const SWAP = 400

/** Two items, of which every decision earns 1 until the swap and one in eight from then on. */
const decisionsOf = (count: number): Example[] =>
  Array.from({ length: count }, (_, i) => {
    const click = i < SWAP || i % 8 === 0 ? 1 : 0
    return exampleOf(Float64Array.of(1, Math.sin(i)), {
      transition_id: `d${i}`,
      action: [`item${i % 2}`],
      delta: { click },
      cumulative: { click },
      decision_time_ms: 1000 * i,
      reward_time_ms: click > 0 ? 1000 * i : null,
    })
  })

/** In steps. */
const learnAll = (learner: LinearLearner, data: readonly Example[], size = 10): void => {
  for (let i = 0; i < data.length; i += size) learner.learn(data.slice(i, i + size))
}

/** One more reward of each. */
const late = (examples: readonly Example[]): Example[] =>
  examples.map(({ state, transition }) =>
    exampleOf(state, { ...transition, kind: 'reward', delta: { click: 0.5 }, cumulative: { click: 1.5 } }),
  )

describe('items that earn less than they used to', () => {
  test('a fall is found soon, noise is not one, nor is a small fall', () => {
    assert.equal(foundAfter(0), undefined)
    assert.equal(foundAfter(0.1), undefined)
    assert.ok(foundAfter(1)! < 80)
    assert.ok(foundAfter(0.5)! < 250)
    const noisier = foundAfter(1, { dispersion: 2 })!
    assert.ok(noisier > foundAfter(1)! && noisier < 160, `${noisier}`)
  })

  test('rewards under way are no shortfall, however fast decisions come', () => {
    assert.equal(foundAfter(0, { lateBy: 200 }), undefined)
    assert.ok(foundAfter(1, { lateBy: 50 })! < 400)
  })

  test('what was decided until then counts a sixty-fourth a change, and so do its late rewards in any order', () => {
    const data = decisionsOf(SWAP + 200)
    const rewards = late(data)
    const learners = [rewards, rewards.toReversed()].map(order => {
      const learner = createLinearLearner(options)
      learnAll(learner, data)
      learner.learn(order)
      return learner
    })
    const model = publish(learners[0], '1', true)
    const times = Object.entries(model.parameters).flatMap(([name, ms]) => (name.startsWith('changed_ms/') ? [ms] : []))
    assert.ok(times.length > 0 && times[0] > 1000 * SWAP && times[0] < 1000 * (SWAP + 100), `${times}`)
    for (const learner of learners)
      for (const item of [0, 1]) {
        const tensor = publish(learner, '1', true).tensors.find(({ name }) => name === `item/item${item}`)!
        const { a, b } = decodeBlock(tensor, 2)
        const expected = data.reduce(
          (sums, { transition: { decision_time_ms: ms, action, delta } }) => {
            const counts = action[0] === `item${item}` ? 64 ** -times.filter(time => ms <= time).length : 0
            return [sums[0] + counts, sums[1] + counts * (delta.click + 0.5)]
          },
          [0, 0],
        )
        assert.ok(Math.abs(a[0] - expected[0]) <= 1e-9 * expected[0])
        assert.ok(Math.abs(b[0][0] - expected[1]) <= 1e-9 * expected[1])
      }
  })

  test('an outage of outcomes is no change, whether they come later or never', () => {
    const before = decisionsOf(SWAP)
    const outage = Array.from(before, ({ state, transition }) => {
      const { decision_time_ms: ms, transition_id: id } = transition
      const own = { transition_id: `o${id}`, decision_time_ms: ms + 1000 * SWAP, delta: {}, cumulative: {} }
      return exampleOf(state, { ...transition, ...own, reward_time_ms: null })
    })
    const later = outage.map(({ state, transition }) => {
      const reward = { delta: { click: 1 }, cumulative: { click: 1 }, reward_time_ms: 2000 * SWAP }
      return exampleOf(state, { ...transition, ...reward, kind: 'reward' })
    })
    const learner = createLinearLearner(options)
    learnAll(learner, [...before, ...outage])
    assert.ok(!('changed_ms/0' in publish(learner, '1', true).parameters))
    learnAll(learner, later)
    learner.learn([])
    assert.ok(!('changed_ms/0' in publish(learner, '2', true).parameters))
  })

  test('with other weights of the reward the watch begins anew: a smaller unit is no change of the world', () => {
    const data = decisionsOf(SWAP)
    const before = createLinearLearner(options)
    learnAll(before, data)
    const after = createLinearLearner({ ...options, watch: component => 0.1 * options.watch!(component) })
    after.restore(publish(before, '1', true))
    learnAll(after, decisionsOf(SWAP + 100).slice(SWAP, SWAP + 20))
    assert.ok(!('changed_ms/0' in publish(after, '2', true).parameters))
  })

  test('while no reward of any kind has come nothing is expected', () => {
    const learner = createLinearLearner(options)
    const none = decisionsOf(40).map(({ state, transition }) =>
      exampleOf(state, { ...transition, delta: {}, cumulative: {} }),
    )
    learnAll(learner, none)
    const { tensors } = publish(learner, '1', true)
    assertFinite('1', tensors)
    assert.ok(tensors.some(isChangesTensor))
  })

  test('an increment after a change says that nothing is watched any more', () => {
    const data = decisionsOf(SWAP + 200)
    const learner = createLinearLearner(options)
    learnAll(learner, data.slice(0, SWAP))
    let merged = mergeVersion(undefined, publish(learner, '1', true))
    for (let at = SWAP; !('changed_ms/0' in merged.model.parameters); at += 10) {
      learner.learn(data.slice(at, at + 10))
      learner.learn([])
      merged = mergeVersion(merged, publish(learner, `${at}`, false))
    }
    const again = createLinearLearner(options)
    again.restore(asFull(merged))
    const [live, restored] = [learner, again].map(each => publish(each, 'last', true))
    assert.deepEqual(restored, live)
  })

  test('a restart amid a change goes on bit-identically', () => {
    const data = decisionsOf(SWAP + 200)
    const whole = createLinearLearner(options)
    const before = createLinearLearner(options)
    const after = createLinearLearner(options)
    learnAll(whole, data)
    learnAll(before, data.slice(0, SWAP + 20))
    after.restore(publish(before, '1', true))
    learnAll(after, data.slice(SWAP + 20))
    const expected = publish(whole, '2', true)
    assert.ok('changed_ms/0' in expected.parameters)
    assert.deepEqual(publish(after, '2', true), expected)
  })
})
