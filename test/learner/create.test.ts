/** What the configuration says reaches the learner, and may change from one start to the next. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { createLearnerStage } from '../../src/learner/step.ts'
import { asFull, mergeVersion } from '../../src/learner/tensors.ts'
import { createPolicyLoader } from '../../src/models/load.ts'
import type { Input, Output } from '../../src/stage.ts'
import { noVectors, snapshotOf, transitionOf } from './examples.ts'

const hour = 3_600_000
const tick = { timeMs: 5000, watermarkMs: 5000 }
type Policy = NonNullable<ConfigInput['policies']>[number]

const stageOf = (policy: Policy) => {
  const config = parseConfig({ features: { dimensions: 2 }, policies: [policy] })
  return { config, stage: createLearnerStage(config, config.policies[0]) }
}

/** One start of the learner: goes on from a version, learns, publishes. */
async function start(policy: Policy, from: ModelVersion | null, transitions: readonly Partial<Transition>[]) {
  const { config, stage } = stageOf(policy)
  const state = await stage.open(0)
  const first = from?.contains[0]?.next ?? 0
  const inputs = transitions.map(
    (each, i): Input<Transition> => ({
      topic: 'transitions',
      partition: 0,
      offset: first + i,
      key: 'u',
      value: transitionOf({ transition_id: `d${first + i}/0`, ...each }),
      timestampMs: 0,
      headers: {},
    }),
  )
  if (from) stage.fold(state, [], [{ key: 'default', value: from }] as Output[], tick)
  const { outputs } = stage.step(state, inputs, tick, noVectors)
  return { version: outputs[0].value as ModelVersion, config }
}

const waiting = ({ tensors }: ModelVersion) => tensors.filter(({ name }) => name.startsWith('waiting/')).length
const full = { rewards: { buy: {} }, attributionWindowMs: 24 * hour }
const weighed = (weighing: Policy['weighing']): Policy => ({ ...full, weighing })
const at = (hours: number): Partial<Transition> => ({ decision_time_ms: hours * hour })

describe('weighing by delays', () => {
  test('is off by default: every decision counts whole', async () => {
    assert.equal(waiting((await start(full, null, [at(0), at(1)])).version), 0)
  })
  test('on: decisions wait, and go on waiting after a restart, until they are old', async () => {
    const policy = weighed({ delays: true })
    const one = await start(policy, null, [at(0), at(1)])
    assert.equal(waiting(one.version), 2)
    const two = await start({ ...policy }, { ...one.version }, [at(24.5)])
    assert.equal(two.version.metrics.waiting, 2)
  })
  test('may be turned on later, and off once nothing waits; before that it is refused', async () => {
    const plain = await start(full, null, [at(0)])
    const on = await start(weighed({ delays: true }), plain.version, [at(1)])
    const whole = asFull(mergeVersion(mergeVersion(undefined, plain.version), on.version))
    assert.equal(waiting(whole), 1)
    await assert.rejects(start(full, whole, [at(2)]), error => isCode(error, 'MODEL_INCOMPATIBLE'))
    const drained = await start(weighed({ delays: true, maxWaiting: 0 }), whole, [at(2)])
    assert.equal(drained.version.metrics.waiting, 0)
  })
})

describe('weights of rewards', () => {
  const clicked = { delta: { click: 1 }, cumulative: { click: 1 } }
  const bought = { action: ['b'], delta: { buy: 1 }, cumulative: { buy: 1 } }
  const scores = async (click: number, buy: number, from: ModelVersion | null, transitions: Partial<Transition>[]) => {
    const policy = { rewards: { click: { weight: click }, buy: { weight: buy } } }
    const { version, config } = await start(policy, from, transitions)
    const state = new Float64Array(version.parameters.state_dimensions)
    state[0] = 1
    const loader = createPolicyLoader(config.policies[0])
    const { mean } = loader.load({ ...version, base_version: null }).scorer(state, { itemIds: ['a', 'b'], vectors: [] })
    return { version, mean }
  }
  test('change what serves at the next start, without a reset: what was learned stays', async () => {
    const many = Array.from({ length: 10 }, () => [{ ...clicked }, { ...bought }]).flat()
    const one = await scores(
      1,
      0.1,
      null,
      many.map(each => ({ state: snapshotOf(), ...each })),
    )
    assert.ok(one.mean[0] > 0.5 && one.mean[1] < 0.2, one.mean.join())
    const two = await scores(0.1, 1, one.version, [{ ...clicked, action: ['a'] }, bought])
    assert.equal(two.version.transitions, many.length + 2)
    assert.ok(two.mean[1] > 0.5 && two.mean[0] < 0.2, two.mean.join())
  })
})

describe('a declared range of the reward', () => {
  /** What is expected of item a after ten decisions that earned -2 and ten that earned 4. */
  const expected = async (changes: Policy, from: ModelVersion | null = null) => {
    const policy: Policy = {
      linearGaussian: { priorPrecision: 1e-6 },
      rewards: { stars: { value: 'value' } },
      ...changes,
    }
    const earned = (stars: number) => ({ state: snapshotOf(), delta: { stars }, cumulative: { stars } })
    const transitions = Array.from({ length: 20 }, (_, i) => earned(i % 2 ? -2 : 4))
    const { version, config } = await start(policy, from, transitions)
    const state = new Float64Array(version.parameters.state_dimensions)
    state[0] = 1
    const loader = createPolicyLoader(config.policies[0])
    const { mean } = loader.load({ ...version, base_version: null }).scorer(state, { itemIds: ['a'], vectors: [] })
    return { version, mean: mean[0] }
  }
  const near = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 1e-4, `${value}, not ${wanted}`)
  test('is mapped to [0, 1] by a line', async () => {
    near((await expected({})).mean, 1)
    near((await expected({ rewardRange: { min: -2, max: 4 } })).mean, 0.5)
    near((await expected({ rewardRange: { min: 0, max: 4 } })).mean, 0.25)
    near((await expected({ rewardRange: { min: -10, max: 10 } })).mean, 0.55)
  })
  test('also where decisions count by the examination of their place and wait for rewards', async () => {
    const rewardRange = { min: -2, max: 4 }
    const waits = await start(
      {
        rewardRange,
        rewards: { stars: {} },
        weighing: { delays: true },
        attributionWindowMs: 1000,
        linearGaussian: { priorPrecision: 1 },
      },
      null,
      [{ state: snapshotOf() }, { state: snapshotOf(), decision_time_ms: 5000, action: ['b'] }],
    )
    const state = new Float64Array(waits.version.parameters.state_dimensions)
    state[0] = 1
    const { mean } = createPolicyLoader(waits.config.policies[0])
      .load(waits.version)
      .scorer(state, { itemIds: ['a'], vectors: [] })
    // nothing earned is a third of the way from -2 to 4; one decision against a prior of the same weight
    near(mean[0], 1 / 3 / 2)
  })
  test('another range needs no reset; none after one, or one after none, says that it does', async () => {
    const one = await expected({ rewardRange: { min: -2, max: 4 } })
    const whole = { ...one.version, base_version: null }
    near((await expected({ rewardRange: { min: -10, max: 10 } }, whole)).mean, 0.55)
    await assert.rejects(expected({}, whole), error => isCode(error, 'MODEL_INCOMPATIBLE'))
  })
  test('upside down is no range', () => {
    const policies = [{ rewardRange: { min: 1, max: 1 } }]
    assert.throws(
      () => parseConfig({ policies }),
      error => isCode(error, 'CONFIG_INVALID'),
    )
  })
})

describe('logs of others', () => {
  const kinds = ['estimated', 'deterministic', 'unknown'] as const
  const log = kinds.map(propensity_kind => ({
    propensity_kind,
    mode: 'apprentice' as const,
    chosen_by: 'baseline' as const,
  }))
  const counted = async (policy: Policy, transitions: readonly Partial<Transition>[]) => {
    const { stage } = stageOf(policy)
    const state = await stage.open(0)
    const inputs = transitions.map((each, offset) => ({
      ...{ topic: 'transitions' as const, partition: 0, offset, key: 'u', timestampMs: 0, headers: {} },
      value: transitionOf({ transition_id: `d${offset}/0`, ...each }),
    }))
    const { counts } = stage.step(state, inputs, tick, noVectors)
    return Object.fromEntries(counts.map(({ labels, value }) => [labels!.reason ?? labels!.result, value]))
  }
  test('whose weights need propensities refuses every kind but exact', async () => {
    const policy: Policy = { algorithm: 'two-tower', explorer: { name: 'softmax' } }
    assert.deepEqual(await counted(policy, [{ propensity_kind: 'exact' }, ...log]), {
      learned: 1,
      refused: 3,
      propensity_not_exact: 3,
    })
  })
  test('the regression of rewards on what was chosen needs none: the direct method learns from all', async () => {
    for (const algorithm of ['linear-gaussian', 'neural-linear'] as const)
      assert.deepEqual(await counted({ algorithm }, [{ propensity_kind: 'exact' }, ...log]), { learned: 4 })
  })
})

describe('what does not go together is refused with the configuration', () => {
  const refused: Record<string, ConfigInput> = {
    'weighing of a gradient learner': {
      policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' }, weighing: { delays: true } }],
    },
    'weighing of learned features': { policies: [{ algorithm: 'neural-linear', weighing: { positions: true } }] },
    'weighing under a feature map that is still sought': {
      state: { blocks: ['numbers'], numbers: ['x'] },
      policies: [{ weighing: { positions: true } }],
    },
  }
  for (const [name, config] of Object.entries(refused))
    test(name, () =>
      assert.throws(
        () => parseConfig(config),
        error => isCode(error, 'CONFIG_INVALID'),
      ),
    )
})
