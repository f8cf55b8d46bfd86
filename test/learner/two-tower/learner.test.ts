import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Transition } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { headOf } from '../../../src/learner/towers/heads.ts'
import { createNetwork, type NetworkBatch } from '../../../src/learner/towers/network.ts'
import { initialParameters, parameterNames } from '../../../src/learner/towers/parameters.ts'
import { stateValue } from '../../../src/learner/towers/towers.ts'
import { type TwoTowerOptions, twoTowerLearner } from '../../../src/learner/two-tower/learner.ts'
import { loadPolicy } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const { tf } = tensorflow
const options: TwoTowerOptions = {
  stateDimensions: 3,
  itemDimensions: 2,
  hidden: 8,
  embedding: 4,
  learningRate: 0.01,
  batchSize: 64,
  bufferSize: 2000,
  stepsPerBatch: 1,
  maxImportanceWeight: 1,
  entropy: 0.001,
  valueLoss: 0.5,
  maxGradientNorm: 1,
  dropout: 0,
  seed: 1,
  bootstraps: false,
  imitate: false,
}
const config = parseConfig({
  features: { dimensions: 2 },
  policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' } }],
}).policies[0]
const items = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
const newLearner = (changes: Partial<TwoTowerOptions> = {}) => twoTowerLearner({ ...options, ...changes }, tensorflow)
const example = (id: string, changes: Partial<Transition> = {}, rest: Partial<Example> = {}) =>
  exampleOf(Float64Array.of(1, 0.5, -0.5), { transition_id: id, ...changes }, { candidates: items, ...rest })

describe(`the network on ${tensorflow.backend}`, () => {
  const random = createRandom(2)
  const weights = initialParameters(options, 7)
  for (const name of parameterNames)
    for (let i = 0; i < weights[name].length; i++) weights[name][i] += 0.1 * random.normal()
  const batch: NetworkBatch = {
    states: Float32Array.from({ length: 5 * 3 }, random.normal),
    items: Float32Array.from({ length: 5 * 4 * 2 }, random.normal),
    size: 5,
    candidates: 4,
  }
  const network = createNetwork(tensorflow, options)
  const logitGradient = Float32Array.from({ length: 20 }, random.normal)
  const valueGradient = Float32Array.from({ length: 5 }, random.normal)
  const surrogate = () => {
    const { logits, values } = network.forward(weights, batch)
    const sum = (a: Float32Array, b: Float32Array) => a.reduce((total, each, i) => total + each * b[i], 0)
    return sum(logits, logitGradient) + sum(values, valueGradient)
  }

  test('gradients against finite differences', () => {
    const gradients = network.gradients(weights, batch, () => ({ logitGradient, valueGradient }))
    for (const name of parameterNames)
      for (const i of [0, Math.floor(weights[name].length / 2), weights[name].length - 1]) {
        const [at, by] = [weights[name][i], 0.005]
        weights[name][i] = at + by
        const above = surrogate()
        weights[name][i] = at - by
        const below = surrogate()
        weights[name][i] = at
        const expected = (above - below) / (2 * by)
        assert.ok(Math.abs(gradients[name][i] - expected) < 0.01 * Math.max(1, Math.abs(expected)), `${name}[${i}]`)
      }
  })

  test('the plain policy and value equal the network within 1e-5', () => {
    const learner = newLearner()
    const model = publish(learner, '1', true)
    const same = initialParameters({ ...options, heads: 2 }, options.seed)
    const outputs = createNetwork(tensorflow, { ...options, heads: 2 }).forward(same, batch)
    const [logits, values] = [headOf(outputs.logits, 0, 2), outputs.values]
    const policy = loadPolicy(model, config)
    for (let b = 0; b < 5; b++) {
      const state = Float64Array.from(batch.states.subarray(3 * b, 3 * b + 3))
      const vectors = [0, 1, 2, 3].map(k => batch.items.slice(8 * b + 2 * k, 8 * b + 2 * k + 2))
      const { mean } = policy.scorer(state, { itemIds: ['a', 'b', 'c', 'd'], vectors })
      mean.forEach((value, k) => {
        assert.ok(Math.abs(value - logits[4 * b + k]) < 1e-5)
      })
      assert.ok(Math.abs(stateValue(same, state) - values[b]) < 1e-5)
    }
  })
})

/** A contextual bandit: item k is right when the sign of the context says so; logged by a uniform policy. */
function learnBandit(learner: Learner, batches: number, seed: number, late = false): void {
  const random = createRandom(seed)
  for (let n = 0; n < batches; n++) {
    const examples = Array.from({ length: 64 }, (_, i) => {
      const context = random.uniform() < 0.5 ? 1 : -1
      const action = random.uniform() < 0.5 ? 0 : 1
      const reward = context > 0 === (action === 0) ? 1 : 0
      const common = { transition_id: `${n}/${i}`, action: [['a', 'b'][action]] }
      const rest = { candidates: items }
      const state = Float64Array.of(1, context, 0)
      if (!late) return [exampleOf(state, { ...common, cumulative: { click: reward } }, rest)]
      const reward1 = { ...common, kind: 'reward' as const, revision: 1, cumulative: { click: reward } }
      return [exampleOf(state, common, rest), exampleOf(state, reward1, rest)]
    })
    learner.learn(examples.flat())
  }
}

const correct = (learner: Learner): number => {
  const policy = loadPolicy(publish(learner, '1', true), config)
  const chances = [1, -1].map(context => {
    const { mean } = policy.scorer(Float64Array.of(1, context, 0), { itemIds: ['a', 'b'], vectors: items })
    const first = 1 / (1 + Math.exp(mean[1] - mean[0]))
    return context > 0 ? first : 1 - first
  })
  return (chances[0] + chances[1]) / 2
}

describe('learning', () => {
  test('a contextual bandit from uniform logs', () => {
    const learner = newLearner()
    assert.ok(correct(learner) < 0.75)
    learnBandit(learner, 150, 1)
    assert.ok(correct(learner) > 0.95, String(correct(learner)))
  })

  test('a few decisions, each by heart: a critic that has learned them leaves the policy something to learn', () => {
    const dimensions = 64
    const random = createRandom(6)
    const share = Array.from({ length: dimensions }, random.normal)
    const shared = { stateDimensions: dimensions, hidden: 32, batchSize: 64, stepsPerBatch: 2 }
    const learner = newLearner(shared)
    const draw = () => Float64Array.from({ length: dimensions }, random.normal)
    const isFirst = (state: Float64Array) => state.reduce((sum, each, i) => sum + each * share[i], 0) > 0
    for (let n = 0; n < 250; n++) {
      const state = draw()
      const action = random.uniform() < 0.5 ? 0 : 1
      const cumulative = { click: isFirst(state) === (action === 0) ? 0 : -1 }
      const transition = { transition_id: String(n), action: [['a', 'b'][action]], cumulative }
      learner.learn([exampleOf(state, transition, { candidates: items })])
    }
    const policy = loadPolicy(publish(learner, '1', true), config)
    const right = Array.from({ length: 500 }, draw).filter(state => {
      const { mean } = policy.scorer(state, { itemIds: ['a', 'b'], vectors: items })
      return mean[0] > mean[1] === isFirst(state)
    })
    assert.ok(right.length > 390, String(right.length))
  })

  test('replace: rewards that come as revisions teach exactly what cumulative rewards teach', () => {
    const [whole, revised] = [newLearner({ batchSize: 1000 }), newLearner({ batchSize: 1000 })]
    learnBandit(whole, 5, 1)
    learnBandit(revised, 5, 1, true)
    const tensors = (learner: Learner) => publish(learner, '1', true).tensors.map(tensor => tensor.data)
    assert.deepEqual(tensors(revised), tensors(whole))
  })

  test('goes on from a checkpoint as if never stopped, given the same buffer', () => {
    const [first, second] = [newLearner({ bufferSize: 64 }), newLearner({ bufferSize: 64 })]
    learnBandit(first, 3, 1)
    second.restore(publish(first, '1', true))
    learnBandit(first, 3, 9)
    learnBandit(second, 3, 9)
    assert.deepEqual(publish(second, '2', true), publish(first, '2', true))
  })

  test('no tensor is left behind', () => {
    const learner = newLearner()
    learnBandit(learner, 2, 1)
    const before = tf.memory().numTensors
    learnBandit(learner, 5, 2)
    assert.equal(tf.memory().numTensors, before)
  })

  test('an update that is not finite is refused and counted, weights kept', () => {
    const learner = newLearner()
    const tensors = () => publish(learner, '1', true).tensors
    const before = tensors()
    // of one whose value is learned (baseline.ts)
    const huge = example('immense', { cumulative: { click: 1e-3 }, weight: 3e38 })
    const { stats } = learner.learn([huge])
    assert.equal(stats.refused_updates, 1)
    assert.equal(stats.updates, 0)
    assert.deepEqual(tensors(), before)
    assert.ok(Object.values(learner.snapshot('1', true).parameters).every(Number.isFinite))
  })

  test('the count of such updates goes on after a restart: an alert looks at its change', () => {
    const learner = newLearner()
    learner.learn([example('immense', { cumulative: { click: 1e-3 }, weight: 3e38 })])
    const restarted = newLearner()
    restarted.restore(publish(learner, '1', true))
    assert.equal(restarted.learn([example('next')]).stats.refused_updates, 1)
  })

  test('what is a number, but none of float32, is refused before it gets into the buffer', () => {
    const learner = newLearner()
    const far = { ...example('far'), state: Float64Array.of(1, 1e39, 0) }
    const { refused, stats } = learner.learn([far, example('near')])
    assert.deepEqual([refused, stats.refused_updates, stats.buffer], [{ not_finite: 1 }, 0, 1])
  })
})

describe('the buffer', () => {
  test('refused revisions by reason', () => {
    const cases: Record<string, Example> = {
      propensity_not_exact: example('1', { propensity_kind: 'estimated' }),
      slate: example('2', { slot: -1, action: ['a', 'b'] }),
      action_not_candidate: example('3', { action: ['pinned'] }),
      propensity_invalid: example('4', { first_draw_propensity: 0 }),
      dimensions: example('5', {}, { candidates: [new Float32Array(3), items[1]] }),
      not_finite: example('6', {}, { reward: Number.NaN }),
      late_unlearned: example('7', { kind: 'reward', revision: 1 }),
    }
    for (const [reason, each] of Object.entries(cases))
      assert.deepEqual(newLearner().learn([each]).refused, { [reason]: 1 }, reason)
  })

  test('the oldest goes when it is full: its revisions are late', () => {
    const learner = newLearner({ bufferSize: 2 })
    const stats = learner.learn([
      example('1'),
      example('2'),
      example('3'),
      example('1', { kind: 'reward', revision: 1 }),
    ])
    assert.deepEqual(stats.refused, { late_unlearned: 1 })
    assert.equal(stats.stats.buffer, 2)
  })

  test('a bootstrapping learner waits for the continuation', () => {
    const learner = newLearner({ bootstraps: true })
    const nextState = Float64Array.of(1, 1, 1)
    assert.equal(learner.learn([example('1', { discount: null })]).stats.updates, 0)
    const continuation = example('1', { kind: 'continuation', revision: 1, discount: 0.9 }, { nextState })
    const { stats } = learner.learn([continuation])
    assert.equal(stats.updates, 1)
    assert.equal(stats.critic_share, 1)
    const ended = newLearner({ bootstraps: true })
    assert.equal(ended.learn([example('1', { discount: null, terminated: true })]).stats.updates, 1)
    const cut = newLearner({ bootstraps: true })
    assert.equal(cut.learn([example('1', { discount: null, truncated: true })]).stats.updates, 0)
  })
})

describe('another shape: MODEL_INCOMPATIBLE', () => {
  const cases: [string, Partial<TwoTowerOptions>, Partial<TwoTowerOptions>][] = [
    ['another hidden layer', {}, { hidden: 9 }],
    ['advantages are foretold with γ = 0 alone', { bootstraps: true }, {}],
    ['and not with γ > 0', {}, { bootstraps: true }],
    ['nor where nothing is learned of them', {}, { valueLoss: 0 }],
  ]
  for (const [name, before, after] of cases)
    test(name, () => {
      const model = publish(newLearner(before), '1', true)
      assert.throws(
        () => newLearner(after).restore(model),
        error => isCode(error, 'MODEL_INCOMPATIBLE'),
      )
    })
})

test('with dropout a checkpoint goes on as if never stopped, too, and a sparse state is learned without some of it', () => {
  const sparse = { stateDimensions: 40, bufferSize: 64 }
  const learners = [0.3, 0.3, 0].map(dropout => newLearner({ ...sparse, dropout }))
  const learn = (learner: Learner, from: number) =>
    learner.learn(
      Array.from({ length: 64 }, (_, i) => {
        const state = Float64Array.from({ length: 40 }, (_, k) => (k === 0 || k % 13 === i % 13 ? 1 : 0))
        const cumulative = { click: i % 2 }
        const transition = { transition_id: `${from + i}`, action: [['a', 'b'][i % 2]], cumulative }
        return exampleOf(state, transition, { candidates: items })
      }),
    )
  learn(learners[0], 0)
  learners[1].restore(publish(learners[0], '1', true))
  for (const learner of [learners[0], learners[1]]) learn(learner, 64)
  const [first, second] = learners.map(learner => publish(learner, '2', true))
  assert.deepEqual(second, first)
  for (const from of [0, 64]) learn(learners[2], from)
  assert.notDeepEqual(publish(learners[2], '2', true).tensors, first.tensors)
})
