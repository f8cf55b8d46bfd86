import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Learner } from '../../../src/learner/learner.ts'
import { type PpoOptions, ppoLearner } from '../../../src/learner/ppo/learner.ts'
import { ppo } from '../../../src/learner/ppo/schema.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createRandom } from '../../../src/state/random.ts'
import { publish } from '../examples.ts'
import { chances, practise, score, sessions, shape } from '../gradient/delayed-gratification.ts'
import { testUsedOnce } from '../gradient/revisions.ts'

const tensorflow = await loadTensorFlow()
const options: PpoOptions = {
  ...ppo.parse({ hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 64, roundSize: 256, bufferSize: 2000 }),
  ...shape,
  bootstraps: true,
}
const newLearner = (changes: Partial<PpoOptions> = {}): Learner => ppoLearner({ ...options, ...changes }, tensorflow)
const uniform = [0.5, 0.5]

describe('PPO', () => {
  for (const seed of [1, 2, 3])
    test(`waits for what pays later, seed ${seed}`, () => {
      const learner = newLearner({ seed })
      practise(learner, 15, 256, createRandom(seed))
      assert.ok(score(learner) > 0.95, String(score(learner)))
    })

  test('begins a round when there is enough, goes over it some times, then drops it', () => {
    const learner = newLearner({ maxKl: 0 })
    const made = sessions(uniform, 200, createRandom(1), 's')
    const [few, rest] = [made.slice(0, 100), made.slice(100)]
    const first = learner.learn(few).stats
    assert.deepEqual([first.updates, first.buffer], [0, 100])
    const { stats } = learner.learn(rest)
    assert.deepEqual([stats.updates, stats.buffer], [options.epochs * Math.ceil(made.length / options.batchSize), 0])
  })

  test('ends a round where the policy has moved too far from who decided', () => {
    const learner = newLearner({ maxKl: 0.001, learningRate: 0.05 })
    const { stats } = learner.learn(sessions(chances(learner), 200, createRandom(1), 's'))
    assert.equal(stats.refused_updates_kl_bound, 1)
    assert.ok(stats.updates > 0 && stats.updates < 8, String(stats.updates))
    assert.equal(stats.buffer, 0)
  })

  test('what too old a version decided is dropped and counted', () => {
    const learner = newLearner({ maxPolicyLag: 3 })
    learner.restore(publish(learner, '10', true))
    const { refused, stats } = learner.learn([
      ...sessions(uniform, 1, createRandom(1), 'old', '6').slice(0, 1),
      ...sessions(uniform, 1, createRandom(1), 'new', '7').slice(0, 1),
    ])
    assert.deepEqual([refused, stats.stale, stats.buffer], [{ stale: 1 }, 1, 1])
  })
})

test('what waited and was dropped is counted then: too old, or the oldest of too many', () => {
  const learner = newLearner({ maxPolicyLag: 3, bufferSize: 100 })
  const made = sessions(uniform, 200, createRandom(1), 's').slice(0, 110)
  assert.deepEqual(learner.learn(made).dropped, { stale: 0, evicted: 10 })
  learner.restore(publish(learner, '4', true))
  assert.deepEqual(learner.learn([]).dropped, { stale: 100, evicted: 0 })
  assert.deepEqual(learner.learn([]).dropped, { stale: 0, evicted: 0 })
})

test('a round that could never begin is refused', () => {
  assert.throws(() => ppo.parse({ roundSize: 5000, bufferSize: 1000 }), /no round would ever begin/)
})

testUsedOnce(newLearner)

test('a checkpoint goes on as if never stopped', () => {
  const [first, second] = [newLearner({ maxKl: 0 }), newLearner({ maxKl: 0 })]
  const random = createRandom(2)
  first.learn(sessions(uniform, 300, random, 'a'))
  second.restore(publish(first, '7', true))
  for (const prefix of ['b', 'c']) {
    const batch = sessions(uniform, 300, random, prefix, '5')
    const [{ stats }, again] = [first.learn(batch), second.learn(batch)]
    assert.deepEqual(again.stats, stats)
    assert.equal(stats.policy_lag, 2)
  }
  assert.deepEqual(publish(second, '8', true), publish(first, '8', true))
})

test('refused revisions by reason', () => {
  const [made] = sessions(uniform, 1, createRandom(1), 's')
  const reasons = (changes: object) =>
    newLearner().learn([{ ...made, transition: { ...made.transition, ...changes } }]).refused
  assert.deepEqual(reasons({ slots: 2 }), { slate: 1 })
  assert.deepEqual(reasons({ propensity_kind: 'estimated' }), { propensity_not_exact: 1 })
})
