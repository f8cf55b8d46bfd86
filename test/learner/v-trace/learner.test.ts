import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../../schemas/records.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { type VTraceOptions, vTraceLearner } from '../../../src/learner/v-trace/learner.ts'
import { vTrace } from '../../../src/learner/v-trace/schema.ts'
import { createRandom } from '../../../src/state/random.ts'
import { publish } from '../examples.ts'
import { practise, score, sessions, shape } from '../gradient/delayed-gratification.ts'
import { testReplayed } from '../gradient/revisions.ts'

const tensorflow = await loadTensorFlow()
const options: VTraceOptions = {
  ...vTrace.parse({ hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 64, bufferSize: 2000 }),
  ...shape,
  bootstraps: true,
}
const newLearner = (changes: Partial<VTraceOptions> = {}): Learner =>
  vTraceLearner({ ...options, ...changes }, tensorflow)
const uniform = [0.5, 0.5]

describe('V-trace', () => {
  for (const seed of [1, 2, 3])
    test(`waits for what pays later, on its own sessions, seed ${seed}`, () => {
      const learner = newLearner({ seed })
      practise(learner, 40, 64, createRandom(seed))
      assert.ok(score(learner) > 0.95, String(score(learner)))
    })

  test('learns it from sessions of others, too', () => {
    const learner = newLearner()
    const random = createRandom(4)
    for (let n = 0; n < 60; n++) learner.learn(sessions([0.3, 0.4], 64, random, `${n}`))
    assert.ok(score(learner) > 0.95, String(score(learner)))
  })

  test('who looks at the next reward only takes it at once', () => {
    const learner = newLearner({ bootstraps: false })
    const random = createRandom(4)
    const myopic = ({ transition, ...rest }: Example): Example => ({
      ...rest,
      transition: { ...transition, discount: 0, next_decision_id: null },
    })
    for (let n = 0; n < 60; n++) learner.learn(sessions(uniform, 64, random, `${n}`).map(myopic))
    assert.ok(score(learner) < 0.7, String(score(learner)))
  })
})

testReplayed(() => newLearner({ batchSize: 1000, stepsPerBatch: 3 }))

describe('a checkpoint', () => {
  test('goes on as if never stopped, given the same buffer', () => {
    const [first, second] = [newLearner({ bufferSize: 64 }), newLearner({ bufferSize: 64 })]
    const random = createRandom(2)
    first.learn(sessions(uniform, 64, random, 'a').slice(0, 64))
    second.restore(publish(first, '7', true))
    for (const prefix of ['b', 'c', 'd']) {
      const batch = sessions(uniform, 80, random, prefix, '5')
      const [{ stats }, again] = [first.learn(batch), second.learn(batch)]
      assert.deepEqual(again.stats, stats)
      assert.equal(stats.policy_lag, 2)
    }
    assert.deepEqual(publish(second, '8', true), publish(first, '8', true))
  })
})

test('refused revisions by reason', () => {
  const [made] = sessions(uniform, 1, createRandom(1), 's')
  const changed = (changes: Partial<Transition>): Example => ({
    ...made,
    transition: { ...made.transition, ...changes },
  })
  const cases: Record<string, Example> = {
    slate: changed({ slots: 2 }),
    propensity_not_exact: changed({ propensity_kind: 'unknown' }),
    propensity_invalid: changed({ first_draw_propensity: 0 }),
  }
  for (const [reason, each] of Object.entries(cases))
    assert.deepEqual(newLearner().learn([each]).refused, { [reason]: 1 }, reason)
})

test('below the bound of the entropy the policy rests, counted', () => {
  const learner = newLearner({ minEntropy: 1, entropy: 0 })
  const policyOf = () => publish(learner, '9', true).tensors.find(({ name }) => name === 'weights/item/hidden/weights')
  const before = policyOf()
  const { stats } = learner.learn(sessions(uniform, 64, createRandom(1), 's'))
  assert.equal(stats.withheld_updates_entropy_bound, stats.updates)
  assert.deepEqual(policyOf(), before)
})

test('what can not be is refused: traces that weigh more than steps', () =>
  assert.throws(() => vTrace.parse({ maxImportanceWeight: 1, maxTraceWeight: 2 })))
