/** Versions of learners of values, as they serve. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { dqnLearner } from '../../src/learner/dqn/learner.ts'
import { dqn } from '../../src/learner/dqn/schema.ts'
import { slateQLearner } from '../../src/learner/slate-q/learner.ts'
import { slateQ } from '../../src/learner/slate-q/schema.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { createTowers, logit } from '../../src/learner/towers/towers.ts'
import { decodeWeights } from '../../src/learner/towers/training.ts'
import { loadDqn } from '../../src/models/dqn.ts'
import { finish } from '../../src/models/load.ts'
import type { Policy } from '../../src/models/policy.ts'
import { loadSlateQ } from '../../src/models/slate-q.ts'
import { createRandom } from '../../src/state/random.ts'
import { publish } from '../learner/examples.ts'

const tensorflow = await loadTensorFlow()
const random = createRandom(3)
const shape = { stateDimensions: 5, itemDimensions: 4, bootstraps: true }
const state = Float64Array.from({ length: 5 }, random.normal)
const vectors = Array.from({ length: 30 }, () => Float32Array.from({ length: 4 }, random.normal))
const itemIds = vectors.map((_, k) => String(k))
const versions = {
  dqn: publish(dqnLearner({ ...dqn.parse({}), ...shape }, tensorflow), '1', true),
  'slate-q': publish(slateQLearner({ ...slateQ.parse({}), ...shape, isTaken: () => true }, tensorflow), '1', true),
}
const order = (scores: ArrayLike<number>) => [...vectors.keys()].sort((a, b) => scores[b] - scores[a])

describe('dqn', () => {
  const served = finish(loadDqn(versions.dqn))
  const { mean } = served.scorer(state, { itemIds, vectors })

  test('a score is Q: its mean over the candidates is the value of the state', () => {
    const { value } = createTowers(decodeWeights(versions.dqn).weights).user(state)
    const average = mean.reduce((sum, each) => sum + each, 0) / mean.length
    assert.ok(Math.abs(average - value) < 1e-6, `${average}, ${value}`)
  })

  test('the catalogue is searched by dot products, which stand in the order of Q', () => {
    const { dimensions, query, place, scores } = served.retrieval!
    const u = query(state)!
    const products = vectors.map(vector => {
      const out = new Float32Array(dimensions)
      const bias = place(vector, out)
      return out.reduce((sum, each, i) => sum + each * u[i], bias)
    })
    assert.deepEqual(order(products), order(mean))
    assert.deepEqual(scores(state, { itemIds, vectors }), mean)
  })
})

test('slate-q: the heuristic’s score is attraction times worth', () => {
  const model = { ...versions['slate-q'], parameters: { ...versions['slate-q'].parameters, exact: 0 } }
  const { mean } = finish(loadSlateQ(model)).scorer(state, { itemIds, vectors })
  const towers = createTowers(decodeWeights(model).weights)
  const { embedding, value } = towers.user(state)
  const products = vectors.map(vector => {
    const item = towers.item(vector)
    return Math.exp(logit(embedding, item, 0, 2)) * (value + logit(embedding, item, 1, 2))
  })
  assert.deepEqual(order(mean), order(products))
})

describe('vectors of other dimensions: MODEL_INCOMPATIBLE', () => {
  const served: Record<string, Policy> = {
    dqn: finish(loadDqn(versions.dqn)),
    'slate-q': finish(loadSlateQ(versions['slate-q'])),
  }
  for (const [name, policy] of Object.entries(served))
    for (const [what, input] of [
      ['state', [new Float64Array(4), vectors]],
      ['item', [state, [new Float32Array(3)]]],
    ] as const)
      test(`${name}, ${what}`, () =>
        assert.throws(
          () => policy.scorer(input[0], { itemIds, vectors: input[1] }),
          error => isCode(error, 'MODEL_INCOMPATIBLE'),
        ))
})
