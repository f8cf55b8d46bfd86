/** What must hold of revisions in every learner of class `replace`, on sessions whose reward comes late. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Learner } from '../../../src/learner/learner.ts'
import { createRandom } from '../../../src/state/random.ts'
import { publish } from '../examples.ts'
import { revisionsOf, sessions, shuffledRevisions } from './delayed-gratification.ts'

const uniform = [0.5, 0.5]
const seeds = [1, 2, 3]
export const tensors = (learner: Learner) => publish(learner, '9', true).tensors.map(({ data }) => data)

/** @param newLearner one that takes some steps on all of its buffer */
export const testReplayed = (newLearner: () => Learner) =>
  describe('revisions', () => {
    const finished = sessions(uniform, 40, createRandom(1), 's')
    for (const seed of seeds)
      test(`in any order they teach exactly what finished transitions do, seed ${seed}`, () => {
        const [whole, revised] = [newLearner(), newLearner()]
        whole.learn(finished)
        revised.learn(shuffledRevisions(finished, createRandom(seed)))
        assert.deepEqual(tensors(revised), tensors(whole))
      })

    test('of a transition that is not here (any more) they are late', () => {
      const [, late] = revisionsOf(finished[0])
      assert.deepEqual(newLearner().learn([late]).refused, { late_unlearned: 1 })
    })
  })

/** @param newLearner one that uses a transition once @param eager the same, which leaves none of these waiting */
export const testUsedOnce = (newLearner: () => Learner, eager = newLearner) =>
  describe('revisions', () => {
    const finished = sessions(uniform, 200, createRandom(1), 's')
    for (const seed of seeds)
      test(`before the use, in any order, they teach exactly what finished transitions do, seed ${seed}`, () => {
        const [whole, revised] = [newLearner(), newLearner()]
        whole.learn(finished)
        assert.ok(revised.learn(shuffledRevisions(finished, createRandom(seed))).stats.updates > 0)
        assert.deepEqual(tensors(revised), tensors(whole))
      })

    test('after it they are late and change nothing', () => {
      const learner = eager()
      learner.learn(finished)
      const before = tensors(learner)
      const late = finished.map(each => revisionsOf(each)[1])
      assert.deepEqual(learner.learn(late).refused, { late_unlearned: finished.length })
      assert.deepEqual(tensors(learner), before)
    })
  })
