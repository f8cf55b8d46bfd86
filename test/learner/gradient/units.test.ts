/** A reward in other units is the same reward: advantages and values are learned in units of their own usual size. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { a3cLearner } from '../../../src/learner/a3c/learner.ts'
import { a3c } from '../../../src/learner/a3c/schema.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { ppoLearner } from '../../../src/learner/ppo/learner.ts'
import { ppo } from '../../../src/learner/ppo/schema.ts'
import { reinforceLearner } from '../../../src/learner/reinforce/learner.ts'
import { reinforce } from '../../../src/learner/reinforce/schema.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import type { ParameterName } from '../../../src/learner/towers/parameters.ts'
import { decodeWeights } from '../../../src/learner/towers/training.ts'
import { vTraceLearner } from '../../../src/learner/v-trace/learner.ts'
import { vTrace } from '../../../src/learner/v-trace/schema.ts'
import { createRandom } from '../../../src/state/random.ts'
import { publish } from '../examples.ts'
import { sessions, shape } from './delayed-gratification.ts'

const tensorflow = await loadTensorFlow()
const options = { ...shape, bootstraps: true }
const small = { hidden: 8, embedding: 4, learningRate: 0.01, batchSize: 64 }
const learners: Readonly<Record<string, () => Learner>> = {
  'v-trace': () => vTraceLearner({ ...vTrace.parse(small), ...options }, tensorflow),
  reinforce: () => reinforceLearner({ ...reinforce.parse(small), ...options }, tensorflow),
  a3c: () => a3cLearner({ ...a3c.parse(small), ...options }, tensorflow),
  ppo: () => ppoLearner({ ...ppo.parse({ ...small, roundSize: 256 }), ...options }, tensorflow),
}
/** PPO adds 1e-8 to the deviation that it divides advantages by. */
const tolerances: Readonly<Record<string, number>> = { ppo: 1e-4 }
const heads: readonly ParameterName[] = ['value/weights', 'value/bias']

const times = (example: Example, unit: number): Example => ({ ...example, reward: unit * example.reward })

function weightsAfter(learner: Learner, unit: number) {
  const random = createRandom(1)
  for (const prefix of ['a', 'b', 'c'])
    learner.learn(sessions([0.5, 0.5], 200, random, prefix).map(example => times(example, unit)))
  return decodeWeights(publish(learner, '1', true)).weights
}

describe('rewards times a power of two teach the same policy, and values times that', () => {
  for (const [name, newLearner] of Object.entries(learners))
    for (const unit of [2 ** -7, 2 ** 7])
      test(`${name}, ${unit}`, () => {
        const [plain, scaled] = [weightsAfter(newLearner(), 1), weightsAfter(newLearner(), unit)]
        assert.ok(plain['value/bias'][0] > 0.01, 'it learned')
        for (const [parameter, values] of Object.entries(plain))
          values.forEach((value, i) => {
            const other =
              scaled[parameter as ParameterName][i] / (heads.includes(parameter as ParameterName) ? unit : 1)
            assert.ok(Math.abs(value - other) <= (tolerances[name] ?? 0), `${parameter} ${i}: ${value}, ${other}`)
          })
      })
})
