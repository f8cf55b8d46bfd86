import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import { addDecision, type Block, createBlock } from '../../../src/learner/linear/block.ts'
import { createLinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import {
  addLikeness,
  covarianceOf,
  decodeLikeness,
  directionOf,
  encodeLikeness,
} from '../../../src/learner/linear/likeness.ts'
import { dot, packedLength } from '../../../src/learner/linear/matrix.ts'
import { createPolicyLoader, loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const items = 12
const config = parseConfig({ policies: [{ rewards: { click: { weight: 1 } } }] }).policies[0]
const blind: LinearOptions = {
  ...plainFeatures(1 + items),
  priorPrecision: 0.3,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
  estimate: () => 1,
}
const options: LinearOptions = { ...blind, history: { from: 1, count: items } }

const vectorOf = (item: number): Float32Array => Float32Array.from({ length: items }, (_, i) => (i === item ? 1 : 0))

/** Shares of four views among the items of the person's own half: 0 to 5, or 6 to 11. */
function stateOf(half: number, random: ReturnType<typeof createRandom>): Float64Array {
  const state = new Float64Array(1 + items)
  state[0] = 1
  for (let view = 0; view < 4; view++) state[1 + 6 * half + Math.floor(6 * random.uniform())] += 0.25
  return state
}

/** People like what is of their half. Item 11 is seen in histories and never shown. */
function liking(decisions: number) {
  const random = createRandom(5)
  return Array.from({ length: decisions }, (_, i) => {
    const half = random.uniform() < 0.5 ? 0 : 1
    const item = Math.floor(11 * random.uniform())
    const click = random.uniform() < (Math.floor(item / 6) === half ? 0.5 : 0.2) ? 1 : 0
    const said = { transition_id: `${i}/0`, action: [`item${item}`], decision_time_ms: i }
    return {
      ...exampleOf(stateOf(half, random), { ...said, delta: { click }, cumulative: { click } }),
      item: vectorOf(item),
    }
  })
}

const unseen = { itemIds: ['item11'], vectors: [vectorOf(11)] }
const people = [0, 1].map(half => {
  const state = new Float64Array(1 + items).fill(1 / 6, 1 + 6 * half, 7 + 6 * half)
  state[0] = 1
  return state
})

describe('likeness', () => {
  const random = createRandom(9)
  const states = Array.from({ length: 50 }, () => Float64Array.of(1, 7, random.normal(), random.normal(), 3))
  const block: Block = createBlock(5, -1)
  for (const state of states) addDecision(block, state, 2)
  const covariance = covarianceOf([block], { from: 2, count: 2 })!

  test('S is the covariance of the place over all decisions; none of none', () => {
    const mean = (f: (state: Float64Array) => number): number =>
      states.reduce((sum, s) => sum + f(s), 0) / states.length
    const expected = [
      [2, 2],
      [3, 2],
      [3, 3],
    ].map(([i, j]) => mean(s => s[i] * s[j]) - mean(s => s[i]) * mean(s => s[j]))
    covariance.forEach((value, k) => {
      assert.ok(Math.abs(value - expected[k]) < 1e-12)
    })
    assert.equal(covarianceOf([createBlock(5, -1)], { from: 2, count: 2 }), undefined)
  })

  test('r is S v of length 1, zeros of nothing', () => {
    const direction = directionOf(covariance, Float32Array.of(1, 0))
    assert.ok(Math.abs(dot(direction, direction) - 1) < 1e-12)
    assert.ok(Math.abs(direction[0] / direction[1] - covariance[0] / covariance[1]) < 1e-9)
    assert.deepEqual(directionOf(covariance, new Float32Array(2)), new Float64Array(2))
  })

  test('what never varies goes with nothing, whatever its rounding', () => {
    const constant = createBlock(5, -1)
    for (let n = 1; n <= 1000; n++) addDecision(constant, Float64Array.of(1, 7, 0.1, 0.7, 3), 1 / n)
    assert.deepEqual(covarianceOf([constant], { from: 2, count: 2 }), new Float64Array(3))
  })

  test('stands in a checkpoint however wide it is, and is refused where it does not fit', () => {
    const wide = {
      from: 3,
      coefficient: 0.5,
      covariance: Float64Array.from({ length: packedLength(700) }, (_, i) => i),
    }
    assert.deepEqual(decodeLikeness(encodeLikeness(wide), 703), wide)
    assert.throws(
      () => decodeLikeness(encodeLikeness(wide), 702),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
    const torn = { ...wide, covariance: wide.covariance.slice(1) }
    assert.throws(
      () => decodeLikeness(encodeLikeness(torn), 703),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })

  test('a prior mean gets c r; by a vector of another length it is not moved', () => {
    const likeness = { from: 2, coefficient: -3, covariance }
    const vector = Float32Array.of(0.6, -0.8)
    const direction = directionOf(covariance, vector)
    const mean = Float64Array.of(1, 2, 3, 4, 5)
    addLikeness(likeness, vector, mean)
    assert.deepEqual(mean, Float64Array.of(1, 2, 3 - 3 * direction[0], 4 - 3 * direction[1], 5))
    for (const other of [Float32Array.of(1, 0, 0), new Float32Array(2), undefined]) {
      const same = mean.slice()
      addLikeness(likeness, other, same)
      assert.deepEqual(same, mean)
    }
  })
})

describe('with likeness the prior', () => {
  test('expects a new item to suit those who saw what goes with it: served from a full version and from an increment', () => {
    const all = liking(1500)
    const gap = ({ learner = createLinearLearner(options), from = 0 } = {}) => {
      const loader = createPolicyLoader(config)
      if (from > 0) {
        learner.learn(all.slice(0, from))
        loader.load(publish(learner, '1', true))
      }
      learner.learn(all.slice(from))
      const policy = loader.load(publish(learner, '2', from === 0))
      const [other, own] = people.map(state => policy.scorer(state, unseen).mean[0])
      return own - other
    }
    const known = gap()
    assert.ok(known > 0.15 && known < 0.35, `${known}`)
    assert.equal(gap({ from: 400 }), known)
    const without = gap({ learner: createLinearLearner(blind) })
    assert.ok(Math.abs(without) < 0.1, `${without}`)
  })

  test('a restart goes on bit-identically', () => {
    const [whole, before, after] = [0, 1, 2].map(() => createLinearLearner(options))
    const all = liking(600)
    whole.learn(all)
    before.learn(all.slice(0, 250))
    after.restore(publish(before, '1', true))
    after.learn(all.slice(250))
    const expected = publish(whole, '2', true)
    assert.ok(expected.tensors.some(({ name }) => name === 'prior/likeness'))
    assert.deepEqual(publish(after, '2', true), expected)
  })

  test('a version without vectors, as of earlier releases, goes on and learns them', () => {
    const all = liking(900)
    const before = createLinearLearner(blind)
    before.learn(all.slice(0, 300))
    const after = createLinearLearner(options)
    after.restore(publish(before, '1', true))
    after.learn(all.slice(300))
    assert.deepEqual(after.blocks.get('item3')!.vector, vectorOf(3))
    const policy = loadPolicy(publish(after, '2', true), config)
    const [other, own] = people.map(state => policy.scorer(state, unseen).mean[0])
    assert.ok(own - other > 0.1, `${own - other}`)
  })

  test('late rewards stay exact: the sums are those of rewards that came at once', () => {
    const all = liking(300)
    const atOnce = createLinearLearner(options)
    const late = createLinearLearner(options)
    atOnce.learn(all)
    late.learn(all.map(each => ({ ...each, transition: { ...each.transition, delta: {}, cumulative: {} } })))
    late.learn(all.map(each => ({ ...each, transition: { ...each.transition, kind: 'reward' as const } })))
    for (const [itemId, { a, b }] of atOnce.blocks) {
      assert.deepEqual(late.blocks.get(itemId)!.a, a)
      b[0].forEach((value, i) => {
        assert.ok(Math.abs(late.blocks.get(itemId)!.b[0][i] - value) <= 1e-9 * Math.max(1, Math.abs(value)))
      })
    }
    assert.equal(covarianceOf(late.blocks.values(), options.history!)!.length, packedLength(items))
  })
})
