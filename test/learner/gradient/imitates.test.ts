/** Each learner that offers it: what a baseline chose is imitated first, and one's own decisions are learned beside. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { a3cLearner } from '../../../src/learner/a3c/learner.ts'
import { a3c } from '../../../src/learner/a3c/schema.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { ppoLearner } from '../../../src/learner/ppo/learner.ts'
import { ppo } from '../../../src/learner/ppo/schema.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { vTraceLearner } from '../../../src/learner/v-trace/learner.ts'
import { vTrace } from '../../../src/learner/v-trace/schema.ts'
import { createRandom } from '../../../src/state/random.ts'
import { chances, sessions, shape } from './delayed-gratification.ts'

const tensorflow = await loadTensorFlow()
const small = { hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 32 }
const rest = { ...shape, bootstraps: true }
const learners: Readonly<Record<string, (imitate?: boolean) => Learner>> = {
  'v-trace': (imitate = true) =>
    vTraceLearner({ ...vTrace.parse({ ...small, imitate, stepsPerBatch: 4 }), ...rest }, tensorflow),
  ppo: (imitate = true) =>
    ppoLearner({ ...ppo.parse({ ...small, imitate, roundSize: 64, maxKl: 0 }), ...rest }, tensorflow),
  a3c: (imitate = true) => a3cLearner({ ...a3c.parse({ ...small, imitate, workers: 2 }), ...rest }, tensorflow),
}
const byBaseline = (example: Example): Example => ({
  ...example,
  transition: { ...example.transition, mode: 'apprentice', chosen_by: 'baseline', propensity_kind: 'unknown' },
})

for (const [name, make] of Object.entries(learners))
  describe(`${name}, imitating`, () => {
    test('fits the probabilities of the baseline', () => {
      const learner = make()
      const random = createRandom(3)
      for (let n = 0; n < 60; n++) learner.learn(sessions([0.8, 0.3], 64, random, `${n}`).map(byBaseline))
      const [first, second] = chances(learner)
      assert.ok(Math.abs(first - 0.8) < 0.1 && Math.abs(second - 0.3) < 0.1, `${first}, ${second}`)
    })
    test('learns its own decisions from rewards', () => {
      const { stats, refused } = make().learn(sessions([0.5, 0.5], 128, createRandom(3), 's'))
      assert.ok(stats.updates > 0 && 'policy_loss' in stats && !('imitation_loss' in stats))
      assert.deepEqual(refused, {})
    })
    test('takes back what it imitated, and nothing of it where it imitates no more', () => {
      const made = sessions([0.5, 0.5], 20, createRandom(3), 's').map(byBaseline)
      for (const [imitate, buffer] of [
        [true, made.length],
        [false, 0],
      ] as const) {
        const learner = make(imitate)
        learner.recall!(made, [])
        const { stats } = learner.learn([])
        assert.deepEqual([stats.buffer, stats.updates], [buffer, 0])
      }
    })
  })
