import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Transition } from '../../../schemas/records.ts'
import { parseConfig } from '../../../src/config.ts'
import { isCode } from '../../../src/errors.ts'
import { copiesOf, poisson1 } from '../../../src/learner/ensemble/bootstrap.ts'
import { createBaggedLearner } from '../../../src/learner/ensemble/learner.ts'
import type { Example } from '../../../src/learner/learner.ts'
import { createLinearLearner } from '../../../src/learner/linear/learner.ts'
import { liveBagged } from '../../../src/models/live.ts'
import { createPolicyLoader } from '../../../src/models/load.ts'
import { createRandom } from '../../../src/state/random.ts'
import { chiSquareBound, chiSquareZ } from '../../ranker/statistics.ts'
import { exampleOf, plainFeatures, publish } from '../examples.ts'

const d = 3
const members = 4
const options = {
  ...plainFeatures(d),
  priorPrecision: 1,
  maxItems: 9,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 24,
}
const newLearner = () => createBaggedLearner(options, members)
const config = parseConfig({ policies: [{ algorithm: 'bagged-linear', baggedLinear: { members } }] }).policies[0]
const weightOf = () => 1
const candidates = { itemIds: ['a', 'b', 'new'], vectors: ['a', 'b', 'new'].map(() => new Float32Array(2)) }
const probe = Float64Array.of(1, 0.3, -0.7)

function history(n: number, seed = 3): Example[] {
  const random = createRandom(seed)
  return Array.from({ length: n }, (_, i) => {
    const state = Float64Array.of(1, random.normal(), random.normal())
    const reward = { click: state[1] + 0.5 * random.normal() }
    const action = [random.uniform() < 0.5 ? 'a' : 'b']
    return exampleOf(state, { transition_id: `d${seed}-${i}/0`, action, delta: reward, cumulative: reward })
  })
}

const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  assert.equal(a.length, b.length)
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i] - b[i]) < 1e-9 * Math.max(1, Math.abs(b[i])), `${a[i]}, ${b[i]}`)
}
const meansOf = (learner: ReturnType<typeof newLearner>) =>
  liveBagged(learner, weightOf).scorer(probe, candidates).members!

describe('the bootstrap', () => {
  test('copies are Poisson with mean 1, by id and member', () => {
    const count = 20_000
    const seen = new Array<number>(20).fill(0)
    for (let i = 0; i < count; i++) seen[copiesOf(`d${i}/0`, 3)]++
    let probability = Math.exp(-1)
    const cells = seen.map((observed, k) => {
      if (k > 0) probability /= k
      return { observed, expected: count * probability }
    })
    assert.ok(chiSquareZ(cells) < chiSquareBound)
    const same = Array.from({ length: 2000 }, (_, i) => copiesOf(`d${i}/0`, 1) === copiesOf(`d${i}/0`, 2))
    // Σ p² = e⁻² I₀(2) = .3085
    const share = same.filter(Boolean).length / same.length
    assert.ok(Math.abs(share - 0.3085) < 0.05, `members agree in ${share}`)
  })
  test('at the edges of the uniform', () => {
    assert.equal(poisson1(0), 0)
    assert.equal(poisson1(Math.exp(-1)), 1)
    assert.ok(poisson1(1 - 2 ** -32) < 17)
  })
})

describe('bagged learners', () => {
  test('each member is a linear-Gaussian learner on its own resampled log, the first on the log as it is', () => {
    const data = history(60)
    const bagged = newLearner()
    bagged.learn(data)
    const means = meansOf(bagged)
    for (let m = 0; m < members; m++) {
      const alone = createLinearLearner(options)
      for (const example of data)
        for (let copy = copiesOf(example.transition.transition_id, m); copy > 0; copy--) alone.learn([example])
      const single = createPolicyLoader(parseConfig({}).policies[0]).load(publish(alone, '1', true))
      close(means[m], single.scorer(probe, candidates).mean)
    }
    assert.ok(new Set(means.map(mean => mean[0])).size === members, 'they differ')
  })

  test('exact: rewards that come later, in another order, leave the same sums', () => {
    const whole = newLearner()
    const late = newLearner()
    const data = history(40)
    whole.learn(data)
    const without = (each: Example): Example => ({
      ...each,
      transition: { ...each.transition, delta: {}, cumulative: {} },
    })
    const reward = (each: Example): Example => ({
      ...each,
      transition: { ...each.transition, kind: 'reward', revision: 1 } as Transition,
    })
    late.learn(data.map(without))
    late.learn(data.map(reward).reverse())
    meansOf(late).forEach((mean, m) => {
      close(mean, meansOf(whole)[m])
    })
  })

  test('goes on from a checkpoint bit by bit, and serves as it does live', () => {
    const first = newLearner()
    first.learn(history(30))
    const full = publish(first, '1', true)
    const second = newLearner()
    second.restore(full)
    for (const learner of [first, second]) learner.learn(history(30, 4))
    assert.deepEqual(publish(second, '2', true), publish(first, '2', true))
    const policy = createPolicyLoader(config).load(publish(first, '3', true))
    const scorer = policy.scorer(probe, candidates)
    const live = liveBagged(first, weightOf)
    assert.deepEqual(scorer.members, live.scorer(probe, candidates).members)
    assert.deepEqual(scorer.deviation, live.scorer(probe, candidates).deviation)
    assert.deepEqual(policy.learned, live.learned)
    assert.equal(policy.learned!.decisions, 60)
    assert.deepEqual([...policy.knownItems!(9)].sort(), ['a', 'b'])
  })

  test('an increment on its base serves what the full checkpoint does', () => {
    const learner = newLearner()
    learner.learn(history(30))
    const loader = createPolicyLoader(config)
    loader.load(publish(learner, '1', true))
    learner.learn(history(1, 8))
    const increment = publish(learner, '2', false)
    assert.equal(increment.base_version, '1')
    const full = createPolicyLoader(config).load(publish(learner, '3', true))
    assert.deepEqual(loader.load(increment).scorer(probe, candidates).members, full.scorer(probe, candidates).members)
  })

  test('refuses a checkpoint of another number of members, or of another algorithm', () => {
    const model: ModelVersion = publish(createBaggedLearner(options, 2), '1', true)
    assert.throws(
      () => newLearner().restore(model),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
    assert.throws(
      () => createPolicyLoader(config).load({ ...model, parameters: {} }),
      error => isCode(error, 'MODEL_INCOMPATIBLE'),
    )
  })
})
