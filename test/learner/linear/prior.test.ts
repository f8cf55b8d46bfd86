import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import { createLinearLearner, type LinearOptions } from '../../../src/learner/linear/learner.ts'
import { createPolicyLoader, loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const d = 3
const config = parseConfig({ policies: [{ rewards: { click: { weight: 1 } } }] }).policies[0]
const fixed: LinearOptions = {
  ...plainFeatures(d),
  priorPrecision: 4,
  maxItems: 100,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}
const estimated: LinearOptions = { ...fixed, estimate: () => 1 }
const unseen = { itemIds: ['unseen'], vectors: [new Float32Array(2)] }

/** Twelve items that all answer to the state alike, by 2 + 3 x₁ - x₂, but for a little of their own. */
function alike(decisions: number) {
  const random = createRandom(3)
  return Array.from({ length: decisions }, (_, i) => {
    const state = Float64Array.of(1, random.normal(), random.normal())
    const own = 0.1 * Math.sin(i % 12)
    const click = 2 + own + 3 * state[1] - state[2] + 0.1 * random.normal()
    return exampleOf(state, { action: [`item${i % 12}`], delta: { click }, cumulative: { click }, decision_time_ms: i })
  })
}

const meanOfUnseen = (model: Parameters<typeof loadPolicy>[0], state: Float64Array): number =>
  loadPolicy(model, config).scorer(state, unseen).mean[0]

describe('the prior that items share', () => {
  test('estimated: a new item starts where items usually are; fixed: at 0', () => {
    const state = Float64Array.of(1, 1, 1)
    for (const [options, expected, tolerance] of [
      [estimated, 4, 0.3],
      [fixed, 0, 0],
    ] as const) {
      const learner = createLinearLearner(options)
      learner.learn(alike(600))
      assert.ok(Math.abs(meanOfUnseen(publish(learner, '1', true), state) - expected) <= tolerance)
    }
  })

  test('estimated: a restart goes on bit-identically', () => {
    const whole = createLinearLearner(estimated)
    const before = createLinearLearner(estimated)
    const after = createLinearLearner(estimated)
    const data = alike(300)
    whole.learn(data)
    before.learn(data.slice(0, 100))
    after.restore(publish(before, '1', true))
    after.learn(data.slice(100))
    assert.notDeepEqual(whole.prior().mean, new Float64Array(d))
    assert.deepEqual(publish(after, '2', true), publish(whole, '2', true))
  })

  test('estimated: a version that lost its mean is refused', () => {
    const learner = createLinearLearner(estimated)
    learner.learn(alike(100))
    const model = publish(learner, '1', true)
    const tensors = model.tensors.filter(({ name }) => name !== 'prior/mean')
    assert.equal(tensors.length, model.tensors.length - 1)
    assert.throws(
      () => loadPolicy({ ...model, tensors }, config),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })

  test('fixed: an increment of a learner restarted with another λ serves that λ', () => {
    const first = createLinearLearner(fixed)
    first.learn(alike(100))
    const full = publish(first, '1', true)
    const again = createLinearLearner({ ...fixed, priorPrecision: 16 })
    again.restore(full)
    const increment = publish(again, '2', false)
    assert.equal(increment.base_version, '1')
    const deviationOf = (policy: ReturnType<typeof loadPolicy>) =>
      policy.scorer(Float64Array.of(1, 0, 0), unseen).deviation![0]
    const loader = createPolicyLoader(config)
    const base = loader.load(full)
    const served = deviationOf(loader.load(increment))
    assert.equal(served, deviationOf(loadPolicy(publish(again, '3', true), config)))
    assert.notEqual(served, deviationOf(base))
  })
})
