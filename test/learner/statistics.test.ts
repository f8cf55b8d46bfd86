import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { type AlgorithmName, algorithmNames } from '../../src/learner/algorithms.ts'
import { createLearner } from '../../src/learner/create.ts'
import { importanceStats } from '../../src/learner/gradient/importance.ts'
import { observeVersions } from '../../src/learner/metrics.ts'
import { isLearnerStatistic, learnerStatistics } from '../../src/learner/statistics.ts'
import { createMeter } from '../../src/metrics.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { exampleOf, versionOf } from './examples.ts'

const close = (a: number | undefined, b: number) => assert.ok(Math.abs(a! - b) < 1e-12, `${a}, expected ${b}`)

describe('statistics of importance weights', () => {
  test('equal weights of one are worth the whole batch, and the policies are the same', () => {
    const stats = importanceStats(new Float64Array(50).fill(1), 1)
    assert.deepEqual(stats, {
      importance: 1,
      clipped: 0,
      importance_weight_p99: 1,
      importance_weight_max: 1,
      effective_sample_size: 1,
      kl: 0,
    })
  })
  test('one weight of many is worth one example', () => {
    const stats = importanceStats(Float64Array.of(0, 0, 0, 4), 9)
    close(stats.effective_sample_size, 1 / 4)
    assert.deepEqual([stats.importance_weight_p99, stats.importance_weight_max], [4, 4])
  })
  test('p99 leaves the largest of a hundred out, and k3 is the KL divergence in expectation', () => {
    const weights = [...new Array<number>(99).fill(0.5), 50.5]
    const stats = importanceStats(Float64Array.from(weights), 100)
    assert.deepEqual([stats.importance_weight_p99, stats.importance_weight_max], [0.5, 50.5])
    // μ is uniform over a hundred actions, π(a) = ρ/100: the mean over all is KL(μ‖π)
    close(
      stats.kl,
      weights.reduce((sum, rho) => sum - Math.log(rho) / 100, 0),
    )
  })
})

type Policy = NonNullable<ConfigInput['policies']>[number]

/** What a learner says after 300 ended sessions of one decision, every other one clicked. */
async function statsOf(policy: Policy, changes: Partial<Transition> = {}): Promise<Readonly<Record<string, number>>> {
  const config = parseConfig({ features: { dimensions: 2 }, policies: [policy] })
  const encoder = createStateEncoder(config)
  const learner = await createLearner(config, config.policies[0], encoder)
  const state = new Float64Array(encoder.dimensions).fill(0.1)
  const candidates = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
  const batch = Array.from({ length: 300 }, (_, i) => {
    const click = { click: i % 2 }
    const own = { transition_id: `d${i}/0`, decision_id: `d${i}`, delta: click, cumulative: click, terminated: true }
    return exampleOf(state, { ...own, ...changes }, { candidates })
  })
  const { stats, learned, refused } = learner.learn(batch)
  assert.ok(learned > 0, JSON.stringify({ policy, refused }))
  return stats
}

const ppo = { roundSize: 256 }
const unknown = { propensity_kind: 'unknown', propensity: 0, first_draw_propensity: 0 } as const
/** The classifier imitates others. */
const seenBy = (algorithm: AlgorithmName): Partial<Transition> =>
  algorithm === 'classifier' ? { mode: 'apprentice' } : {}

/** As shipped, and with each setting that something is said of only then. */
const learners: readonly (readonly [Policy, Partial<Transition>?])[] = [
  ...algorithmNames.map(algorithm => [{ algorithm, ppo }, seenBy(algorithm)] as const),
  [{ algorithm: 'linear-gaussian', weighing: { delays: true } }],
  [
    { algorithm: 'two-tower', twoTower: { imitate: true } },
    { ...unknown, mode: 'apprentice' },
  ],
  [{ algorithm: 'reinforce', reinforce: { behaviour: true } }, unknown],
  [{ algorithm: 'ppo', ppo: { ...ppo, maxKl: 1e-9 } }],
  [{ algorithm: 'ppo', ppo: { ...ppo, minEntropy: 5 } }],
  [{ algorithm: 'dqn', dqn: { prioritised: true } }],
]

describe('the list of statistics', () => {
  for (const algorithm of algorithmNames)
    test(`has all that ${algorithm} says of an update`, async () => {
      const stats = await statsOf({ algorithm, ppo }, seenBy(algorithm))
      assert.ok(Object.keys(stats).length > 0)
      assert.deepEqual(
        Object.keys(stats).filter(name => !isLearnerStatistic(name)),
        [],
      )
      if (algorithm === 'two-tower')
        for (const name of ['loss', 'gradient_norm', 'kl', 'entropy', 'importance_weight_p99', 'effective_sample_size'])
          assert.ok(Number.isFinite(stats[name]), name)
    })
  test('has nothing that no learner says', async () => {
    // how many were learned is said beside the statistics
    const said = new Set(['learned'])
    for (const each of learners) for (const name of Object.keys(await statsOf(...each))) said.add(name)
    assert.deepEqual(
      Object.keys(learnerStatistics).filter(name => !said.has(name)),
      [],
    )
  })
  test('names are those of labels, and each says what it means', () => {
    for (const [name, meaning] of Object.entries(learnerStatistics)) {
      assert.match(name, /^[a-z][a-z0-9_]*$/)
      assert.ok(meaning.endsWith('.'), name)
    }
  })
})

test('a statistic that is not finite is counted and not shown; one that is not in the list makes no series', async () => {
  const meter = createMeter()
  const checkpoint = { baseVersion: null, parameters: {}, tensors: [] }
  const metrics = { loss: Number.NaN, gradient_norm: 2, 'item p41': 1 }
  const value: ModelVersion = versionOf(checkpoint, { metrics, version: '12' })
  observeVersions(meter, { outputs: [{ key: 'default', value }], stepMs: 5 }, 0)
  const text = await meter.registry.metrics()
  assert.match(text, /^feedloop_learner_not_finite_total\{policy="default",stat="loss"\} 1$/m)
  assert.deepEqual(text.match(/^feedloop_learner_stat\{.*$/gm), [
    'feedloop_learner_stat{policy="default",stat="gradient_norm"} 2',
  ])
  assert.match(text, /^feedloop_model_version\{stage="learner",policy="default"\} 12$/m)
  assert.match(text, /^feedloop_learner_updates_total\{policy="default"\} 1$/m)
})
