import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Transition } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import type { Example, Learner } from '../../../src/learner/learner.ts'
import { createLinearLearner } from '../../../src/learner/linear/learner.ts'
import { neuralLinearLearner } from '../../../src/learner/neural-linear/learner.ts'
import type { NeuralLinearOptions } from '../../../src/learner/neural-linear/state.ts'
import { loadTensorFlow } from '../../../src/learner/tensorflow.ts'
import { asFull, assertFinite, type Merged, mergeVersion } from '../../../src/learner/tensors.ts'
import { liveNeural } from '../../../src/models/live.ts'
import { componentWeights, createPolicyLoader, loadPolicy } from '../../../src/models/load.ts'
import type { Policy } from '../../../src/models/policy.ts'
import { createRandom } from '../../../src/state/random.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const tensorflow = await loadTensorFlow()
const config = parseConfig({ features: { dimensions: 2 }, policies: [{ algorithm: 'neural-linear' }] }).policies[0]
const items = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
const names = ['a', 'b']
const weightOf = componentWeights(config.rewards)
const options: NeuralLinearOptions = {
  ...config.neuralLinear,
  stateDimensions: 3,
  itemDimensions: 2,
  hidden: 16,
  embedding: 4,
  bufferSize: 400,
  stepsPerRound: 32,
  numbers: { from: 1, count: 0 },
  weightOf,
  head: { priorPrecision: 0.3, maxItems: 10, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 },
}
const newLearner = (changes: Partial<NeuralLinearOptions> = {}) =>
  neuralLinearLearner({ ...options, ...changes }, tensorflow)
const example = (id: string, changes: Partial<Transition> = {}, rest: Partial<Example> = {}): Example =>
  exampleOf(Float64Array.of(1, 0.5, -0.5), { transition_id: id, ...changes }, { candidates: items, ...rest })

/** Item a is right where both signs are alike, b where not: linear in neither, nor in both together. Chosen uniformly. */
function exclusiveOr(count: number, seed: number, late = false): Example[] {
  const random = createRandom(seed)
  const sign = (): number => (random.uniform() < 0.5 ? -1 : 1)
  return Array.from({ length: count }, (_, i) => {
    const [x, y, action] = [sign(), sign(), random.uniform() < 0.5 ? 0 : 1]
    const click = (x === y) === (action === 0) ? 1 : 0
    const shown = { transition_id: `${seed}/${i}`, action: [names[action]], decision_time_ms: i }
    const made = (changes: Partial<Transition>) =>
      exampleOf(Float64Array.of(1, x, y), { ...shown, ...changes }, { candidates: items })
    const known = { delta: { click }, cumulative: { click } }
    return late ? [made({}), made({ kind: 'reward', revision: 1, ...known })] : [made(known)]
  }).flat()
}

/** @param batchSize in steps of the learner, so that features move several times */
function teach(learner: Learner, examples: readonly Example[], batchSize = 64): void {
  for (let i = 0; i < examples.length; i += batchSize) learner.learn(examples.slice(i, i + batchSize))
}

const corners = [-1, 1].flatMap(x => [-1, 1].map(y => Float64Array.of(1, x, y)))
const candidates = { itemIds: names, vectors: items }

/** Corners at which the right item has the greater mean. */
const right = (policy: Policy): number =>
  corners.filter(state => {
    const [a, b] = policy.scorer(state, candidates).mean
    return a > b === (state[1] === state[2])
  }).length

/** All but the number of the revision that a row was told last. */
const learned = ({ tensors, parameters }: ModelVersion) => ({
  parameters,
  tensors: tensors.filter(({ name }) => !name.startsWith('row/')),
})

describe('what is not linear in the state', () => {
  const log = exclusiveOr(600, 1)
  test('is learned: four corners of four', () => {
    const learner = newLearner()
    teach(learner, log)
    const policy = loadPolicy(publish(learner, '1', true), config)
    assert.equal(right(policy), 4)
    const [a, b] = policy.scorer(corners[0], candidates).mean
    assert.ok(Math.abs(a - 1) < 0.1 && Math.abs(b) < 0.1, `${a} ${b}`)
  })
  test('is beyond the linear-Gaussian learner', () => {
    const plain = { priorPrecision: 0.3, maxItems: 10, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 }
    const learner = createLinearLearner({ ...plainFeatures(3), ...plain })
    teach(learner, log)
    const linear = parseConfig({ features: { dimensions: 2 } }).policies[0]
    const { mean } = loadPolicy(publish(learner, '1', true), linear).scorer(corners[0], candidates)
    assert.ok(
      mean.every(value => Math.abs(value - 0.5) < 0.1),
      mean.join(),
    )
  })
})

describe('late rewards', () => {
  test('replace: rewards that come as revisions teach exactly what cumulative rewards teach', () => {
    const [whole, revised] = [newLearner(), newLearner()]
    teach(whole, exclusiveOr(200, 1), 50)
    teach(revised, exclusiveOr(200, 1, true), 100)
    assert.deepEqual(learned(publish(revised, '1', true)), learned(publish(whole, '1', true)))
  })
  test('a retraction takes the reward back; what is older than what is known says nothing', () => {
    const [never, retracted] = [newLearner(), newLearner()]
    const click = { delta: { click: 1 }, cumulative: { click: 1 } }
    const back = { delta: { click: -1 }, cumulative: { click: 0 } }
    never.learn([example('1', { cumulative: { click: 0 } })])
    retracted.learn([
      example('1', click),
      example('1', { kind: 'retraction', revision: 2, ...back }),
      example('1', { kind: 'reward', revision: 1, ...click }),
    ])
    const sums = (learner: Learner) => publish(learner, '1', true).tensors.find(({ name }) => name === 'head/item/a')!
    assert.deepEqual(sums(retracted), sums(never))
  })
  test('of a decision that is not kept any more are counted', () => {
    const learner = newLearner({ bufferSize: 2 })
    const decisions = ['1', '2', '3'].map(id => example(id))
    const { refused, stats } = learner.learn([...decisions, example('1', { kind: 'reward', revision: 1 })])
    assert.deepEqual([refused, stats.rows], [{ late_unlearned: 1 }, 2])
  })
})

describe('a checkpoint', () => {
  test('is all that learning goes on from: bit-identically, late rewards included', () => {
    const [first, second] = [newLearner(), newLearner()]
    const log = exclusiveOr(900, 3, true)
    // cut between a decision and its reward, in the middle of two rounds, after the ring has come round
    teach(first, log.slice(0, 1311))
    second.restore(publish(first, '1', true))
    for (const learner of [first, second]) teach(learner, log.slice(1311))
    assert.deepEqual(publish(second, '2', false), publish(first, '2', false))
    assert.deepEqual(publish(second, '3', true), publish(first, '3', true))
  })
  test('increments add up to the full one, rows and items that went included, and serve as it does', () => {
    const learner = newLearner({ bufferSize: 100 })
    const loader = createPolicyLoader(config)
    const random = createRandom(6)
    let merged: Merged | undefined
    let served: Policy | undefined
    let bytes = 0
    for (let n = 1; n <= 12; n++) {
      // item names come and go
      const log = exclusiveOr(25, n).map(each => ({
        ...each,
        transition: { ...each.transition, action: [`${each.transition.action[0]}${Math.floor(n / 4)}`] },
      }))
      learner.learn(log)
      const version = publish(learner, String(n), n === 1)
      assertFinite(version.version, version.tensors)
      bytes = version.tensors.reduce((sum, { data }) => sum + data.length, 0)
      merged = mergeVersion(merged, version)
      served = loader.load(version)
    }
    const full = publish(learner, '12', true)
    const byName = ({ tensors }: ModelVersion) => new Map(tensors.map(tensor => [tensor.name, tensor]))
    assert.deepEqual(byName(asFull(merged!)), byName(full))
    assert.ok(bytes < full.tensors.reduce((sum, { data }) => sum + data.length, 0))
    const state = Float64Array.of(1, random.normal(), random.normal())
    const asked = { itemIds: ['a0', 'a3', 'b2', 'new'], vectors: [...items, ...items] }
    const [one, other] = [served!, loadPolicy(full, config)].map(policy => policy.scorer(state, asked))
    assert.deepEqual([one.mean, one.deviation], [other.mean, other.deviation])
  })
  test('of another shape: MODEL_INCOMPATIBLE', () => {
    const model = publish(newLearner(), '1', true)
    for (const change of [{ hidden: 9 }, { embedding: 5 }, { stateDimensions: 4 }])
      assert.throws(
        () => newLearner(change).restore(model),
        error => isCode(error, 'MODEL_INCOMPATIBLE'),
      )
  })
})

describe('the posterior', () => {
  const learner = newLearner()
  teach(learner, exclusiveOr(600, 1))
  const policy = loadPolicy(publish(learner, '1', true), config)
  test('is wide where nothing was seen: an item without decisions starts where its vector is', () => {
    const scorer = policy.scorer(corners[0], { itemIds: ['a', 'new'], vectors: [items[0], items[0]] })
    assert.ok(scorer.deviation![1] > 5 * scorer.deviation![0], scorer.deviation!.join())
    assert.ok(Math.abs(scorer.mean[1] - 1) < 0.2, scorer.mean.join())
  })
  test('states decisions and reward scale of the rewards themselves, not of what the towers leave', () => {
    const { decisions, rewardScale } = policy.learned!
    // the ring holds 400, of which about half were clicks; some came since the last round
    assert.ok(decisions >= 400 && decisions < 600, String(decisions))
    assert.ok(Math.abs(rewardScale - Math.SQRT1_2) < 0.05, String(rewardScale))
  })
  test('other weights of the reward hold for what was learned before', () => {
    const twice = { ...config, rewards: { click: { ...config.rewards.click, weight: 2 } } }
    const { mean } = loadPolicy(publish(learner, '2', true), twice).scorer(corners[0], candidates)
    assert.ok(Math.abs(mean[0] - 2) < 0.25 && Math.abs(mean[1]) < 0.25, mean.join())
  })
  test('is as much wider as the towers err more where they were not trained', () => {
    const random = createRandom(9)
    // nothing to be learned, and few enough decisions to learn them by heart
    const noise = Array.from({ length: 70 }, (_, i) => {
      const click = random.uniform() < 0.5 ? 1 : 0
      const state = Float64Array.of(1, random.normal(), random.normal())
      return exampleOf(state, { transition_id: `n${i}`, cumulative: { click } }, { candidates: items })
    })
    const overfit = newLearner({ hidden: 64, learningRate: 0.03, stepsPerRound: 300 })
    teach(overfit, noise, 35)
    const model = publish(overfit, '1', true)
    const { spread } = model.parameters
    assert.ok(spread > 1.5, String(spread))
    const deviation = (changed: number) =>
      loadPolicy({ ...model, parameters: { ...model.parameters, spread: changed } }, config).scorer(
        corners[0],
        candidates,
      ).deviation![0]
    assert.ok(Math.abs(deviation(spread) - spread * deviation(1)) < 1e-12)
  })
  test('in the same process is that of a published version', () => {
    const live = liveNeural(learner, weightOf).scorer(corners[2], candidates)
    const published = policy.scorer(corners[2], candidates)
    for (const k of [0, 1]) {
      assert.ok(Math.abs(live.mean[k] - published.mean[k]) < 1e-9)
      assert.ok(Math.abs(live.deviation![k] - published.deviation![k]) < 1e-9)
    }
  })
})

describe('guards', () => {
  test('refused revisions by reason', () => {
    const cases: Record<string, Example> = {
      slate: example('1', { slot: -1, action: ['a', 'b'] }),
      action_not_candidate: example('2', { action: ['pinned'] }),
      dimensions: example('3', {}, { candidates: [new Float32Array(3), items[1]] }),
      not_finite: example('4', { cumulative: { click: Number.NaN } }),
      weight_negative: example('5', { weight: -1 }),
      out_of_range: example('6', { cumulative: { click: 1e30 } }),
      late_unlearned: example('7', { kind: 'reward', revision: 1 }),
    }
    for (const [reason, each] of Object.entries(cases)) {
      const stats = newLearner().learn([each])
      assert.deepEqual([stats.learned, stats.refused], [0, { [reason]: 1 }])
    }
  })
  test('an update that is not finite is refused and counted, weights kept, and what is published stays finite', () => {
    const learner = newLearner()
    const before = publish(learner, '1', true).tensors.filter(({ name }) => name.startsWith('weights/'))
    const far = Array.from({ length: 40 }, (_, i) => ({
      ...example(String(i), { cumulative: { click: i % 2 } }),
      state: Float64Array.of(1, 1e14, -1e14),
      candidates: [Float32Array.of(1e14, 0), items[1]],
    }))
    const { stats } = learner.learn(far)
    assert.deepEqual([stats.updates, stats.refused_updates], [0, options.stepsPerRound])
    const after = publish(learner, '2', true)
    assertFinite('2', after.tensors)
    assert.deepEqual(
      after.tensors.filter(({ name }) => name.startsWith('weights/')),
      before,
    )
  })
  test('no tensor is left behind', () => {
    const learner = newLearner()
    teach(learner, exclusiveOr(100, 1))
    const before = tensorflow.tf.memory().numTensors
    teach(learner, exclusiveOr(100, 2))
    assert.equal(tensorflow.tf.memory().numTensors, before)
  })
})
