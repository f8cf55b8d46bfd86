import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type A3cOptions, a3cLearner } from '../../../src/learner/a3c/learner.ts'
import { a3c } from '../../../src/learner/a3c/schema.ts'
import type { Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { createRandom } from '../../../src/state/random.ts'
import { publish } from '../examples.ts'
import { practise, score, sessions, shape } from '../gradient/delayed-gratification.ts'
import { testUsedOnce } from '../gradient/revisions.ts'

const tensorflow = await loadTensorFlow()
const options: A3cOptions = {
  ...a3c.parse({ hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 32, bufferSize: 2000 }),
  ...shape,
  bootstraps: true,
}
const newLearner = (changes: Partial<A3cOptions> = {}): Learner => a3cLearner({ ...options, ...changes }, tensorflow)
const uniform = [0.5, 0.5]

describe('A3C', () => {
  for (const seed of [1, 2, 3])
    test(`waits for what pays later, seed ${seed}`, () => {
      const learner = newLearner({ seed })
      practise(learner, 20, 256, createRandom(seed))
      assert.ok(score(learner) > 0.95, String(score(learner)))
    })

  test('a worker learns at its weights of after its last turn, for all', () => {
    const made = sessions(uniform, 400, createRandom(1), 's')
    const renewed = (workers: number): number => {
      const learner = newLearner({ workers, batchSize: 16 })
      assert.ok(learner.learn(made).stats.updates > 20)
      const model = publish(learner, '9', true)
      const bias = (group: string) => model.tensors.find(({ name }) => name === `${group}/value/bias`)!.data
      return Array.from({ length: workers }, (_, n) => bias(`workers/${n}`)).filter(each =>
        each.equals(bias('weights')),
      ).length
    }
    assert.deepEqual([renewed(1), renewed(4)], [1, 1])
  })

  test('every transition is used once; those too few for a step wait', () => {
    const learner = newLearner({ workers: 2, batchSize: 16 })
    const made = sessions(uniform, 100, createRandom(1), 's')
    const { stats } = learner.learn(made)
    assert.ok(stats.buffer < 2 * 16 && stats.updates >= (made.length - stats.buffer) / 18, JSON.stringify(stats))
    assert.equal(learner.learn([]).stats.updates, stats.updates)
  })
})

test('batches that no worker might ever have are refused', () => {
  assert.throws(() => a3c.parse({ workers: 8, batchSize: 1000, bufferSize: 7999 }), /ever have a batch/)
})

/** Sessions of five decisions, as they are told when outcomes are: what follows is named before it is there. */
test('decisions told at their close make whole segments, too', () => {
  const learner = newLearner({ batchSize: 32, workers: 1 })
  const at = (t: number) =>
    Array.from({ length: 40 }, (_, s) => {
      const [made] = sessions(uniform, 1, createRandom(1), 'x')
      const way =
        t < 4 ? { discount: 0.9, next_decision_id: `s${s}-${t + 1}`, terminated: false } : { terminated: true }
      const named = { transition_id: `s${s}-${t}/0`, decision_id: `s${s}-${t}`, session_id: `s${s}`, session_step: t }
      const nextState = t < 4 ? made.state : null
      return { ...made, nextState, transition: { ...made.transition, ...named, ...way } }
    })
  for (const t of [0, 1, 2, 3]) assert.equal(learner.learn(at(t)).stats.updates, 0)
  assert.equal(learner.learn(at(4)).stats.segment_length, 5)
})

testUsedOnce(newLearner, () => newLearner({ batchSize: 1 }))

test('a checkpoint goes on as if never stopped, workers and turn included', () => {
  const [first, second] = [newLearner({ batchSize: 1 }), newLearner({ batchSize: 1 })]
  const random = createRandom(2)
  const made = sessions(uniform, 20, random, 'a')
  first.learn(made)
  second.restore(publish(first, '7', true))
  for (const prefix of ['b', 'c']) {
    const batch = sessions(uniform, 10, random, prefix, '5')
    const [{ stats }, again] = [first.learn(batch), second.learn(batch)]
    assert.deepEqual(again.stats, stats)
  }
  assert.deepEqual(publish(second, '8', true), publish(first, '8', true))
})
