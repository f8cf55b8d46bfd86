import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseConfig } from '../../../src/config.ts'
import type { Example } from '../../../src/learner/learner.ts'
import { createFeatureMap, type FeatureOptions, standardisationOf } from '../../../src/learner/linear/features.ts'
import { createLinearLearner, type LinearLearner } from '../../../src/learner/linear/learner.ts'
import { addOuter, addScaled, packedLength } from '../../../src/learner/linear/matrix.ts'
import { asFull, mergeVersion } from '../../../src/learner/tensors.ts'
import { livePolicy } from '../../../src/models/live.ts'
import { loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'

const features: FeatureOptions = {
  stateDimensions: 4,
  numbers: { from: 2, count: 2 },
  fourier: 6,
  bandwidth: 1,
  seed: 3,
}
const warmUpDecisions = 8
const newLearner = () =>
  createLinearLearner({
    features,
    warmUpDecisions,
    priorPrecision: 0.5,
    maxItems: 9,
    halfLifeMs: 0,
    maxCheckpointBytes: 1 << 24,
  })

/** Decision n at second n: its initial revision, then a reward, sometimes a retraction of part of it. */
function revisionsOf(n: number, seed: number): Example[] {
  const random = createRandom(seed * 1000 + n)
  const state = Float64Array.of(1, random.normal(), 40 + 7 * random.normal(), random.normal() / 100)
  const common = { transition_id: `d${n}/0`, action: [`item${n % 3}`], decision_time_ms: 1000 * n }
  const reward = random.normal()
  const initial = exampleOf(state, { ...common, delta: {}, cumulative: {} })
  const paid = exampleOf(state, { ...common, kind: 'reward', delta: { click: reward }, cumulative: { click: reward } })
  if (n % 4 > 0) return [initial, paid]
  const back = { kind: 'retraction', delta: { click: -reward / 2 }, cumulative: { click: reward / 2 } } as const
  return [initial, paid, exampleOf(state, { ...common, ...back })]
}

/** Every decision once under the map of the earliest ones, by the definition. */
function batchFit(count: number, seed: number) {
  const all = Array.from({ length: count }, (_, n) => revisionsOf(n + 1, seed))
  const states = all.slice(0, warmUpDecisions).map(([{ state }]) => state)
  const map = createFeatureMap(features, standardisationOf(states, features.numbers))
  const a = new Map<string, Float64Array>()
  const b = new Map<string, Float64Array>()
  for (const revisions of all) {
    const { transition, state } = revisions[0]
    const [itemId] = transition.action
    if (!a.has(itemId)) a.set(itemId, new Float64Array(packedLength(map.dimensions)))
    if (!b.has(itemId)) b.set(itemId, new Float64Array(map.dimensions))
    const phi = map.apply(state)
    addOuter(a.get(itemId)!, phi, 1)
    addScaled(b.get(itemId)!, phi, revisions.at(-1)!.transition.cumulative.click)
  }
  return { a, b }
}

const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
  assert.equal(actual.length, expected.length, what)
  for (let i = 0; i < actual.length; i++)
    assert.ok(Math.abs(actual[i] - expected[i]) <= 1e-9 * Math.max(1, Math.abs(expected[i])), `${what}[${i}]`)
}

describe('a feature map that is found on the way', () => {
  test('exact: late arrivals, any split of revisions and retractions end at the batch fit', () => {
    // displaced by fewer places than the surplus of the warm-up, half of its decisions
    const places = fc.array(fc.double({ min: 0, max: warmUpDecisions / 2 - 1, noNaN: true }), {
      minLength: 90,
      maxLength: 90,
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), places, fc.integer({ min: 1, max: 9 }), (seed, late, size) => {
        const count = 30
        const arrivals = Array.from({ length: count }, (_, n) => revisionsOf(n + 1, seed))
          .flatMap((revisions, n) => revisions.map((example, i) => ({ example, at: n + late[3 * n + i] })))
          .sort((x, y) => x.at - y.at)
          .map(({ example }) => example)
        const learner = newLearner()
        for (let i = 0; i < arrivals.length; i += size) learner.learn(arrivals.slice(i, i + size))
        const expected = batchFit(count, seed)
        for (const [itemId, block] of learner.blocks) {
          near(block.a, expected.a.get(itemId)!, `A of ${itemId}`)
          near(block.b[0], expected.b.get(itemId)!, `b of ${itemId}`)
        }
        assert.equal(learner.blocks.size, 3)
      }),
      { numRuns: 60 },
    )
  })

  test('a restored learner goes on bit-identically, before and after the map has settled', () => {
    for (const cut of [1, 5, 9, 20, 40]) {
      const examples = Array.from({ length: 30 }, (_, n) => revisionsOf(n + 1, 7)).flat()
      const whole = newLearner()
      whole.learn(examples)
      const first = newLearner()
      first.learn(examples.slice(0, cut))
      const second = newLearner()
      second.restore(asFull(mergeVersion(undefined, publish(first, '1', true))))
      second.learn(examples.slice(cut))
      assert.deepEqual(sorted(second), sorted(whole), `cut at ${cut}`)
    }
  })

  test('numbers count by their spread, not by their unit', () => {
    const states = [0, 1, 2, 3].map(i => Float64Array.of(1, 0, 1e6 + 1000 * i, -i / 1000))
    const map = createFeatureMap(features, standardisationOf(states, features.numbers))
    const phi = map.apply(states[3])
    assert.ok(Math.abs(phi[2] + phi[3]) < 1e-9 && phi[2] > 0)
  })

  test('a column that never varied counts nothing, and far values are kept within bounds', () => {
    const states = [1, 2].map(i => Float64Array.of(1, 0, 5, i))
    const map = createFeatureMap(features, standardisationOf(states, features.numbers))
    const phi = map.apply(Float64Array.of(1, 0, 99, 1e9))
    assert.equal(phi[2], 0)
    assert.equal(phi[3], 4)
  })

  test('Fourier features come near the Gaussian kernel', () => {
    const many = { ...features, fourier: 20_000 }
    const scale = { mean: new Float64Array(2), inverse: Float64Array.of(1, 1) }
    const map = createFeatureMap(many, scale)
    const [x, y] = [Float64Array.of(0, 0, 1, -0.5), Float64Array.of(0, 0, 0.2, 0.7)].map(state =>
      map.apply(state).subarray(4),
    )
    const kernel = x.reduce((sum, value, i) => sum + value * y[i], 0)
    assert.ok(Math.abs(kernel - Math.exp(-(0.8 ** 2 + 1.2 ** 2) / 2 / 2)) < 0.03, String(kernel))
  })
})

const sorted = (learner: LinearLearner) => {
  const { tensors, ...model } = publish(learner, 'x', true)
  return { ...model, tensors: [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)) }
}

describe('serving from the live sums', () => {
  test('gives what the published checkpoint gives, factors carried on by rank-1 updates', () => {
    const learner = newLearner()
    const live = livePolicy(learner, () => 1)
    const candidates = { itemIds: ['item0', 'item1', 'item2', 'new'], vectors: [] }
    for (let n = 1; n <= 60; n++) {
      const state = revisionsOf(n, 3)[0].state
      const scorer = live.scorer(state, candidates)
      const loaded = loadPolicy(publish(learner, String(n), true), parseConfig({}).policies[0])
      const same = loaded.scorer(state, candidates)
      near(scorer.mean, same.mean, `means before ${n}`)
      near(scorer.deviation!, same.deviation!, `deviations before ${n}`)
      learner.learn(revisionsOf(n, 3))
    }
  })
})
