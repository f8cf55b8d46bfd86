import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { createLearnerStage, type LearnerState } from '../../src/learner/step.ts'
import type { Input, Output } from '../../src/stage.ts'
import { noVectors, snapshotOf, transitionOf } from './examples.ts'

const configWith = (changes: ConfigInput = {}) => parseConfig({ features: { dimensions: 2 }, ...changes })
const stageWith = (config = configWith()) => createLearnerStage(config, config.policies[0])
const tick = (timeMs = 5000) => ({ timeMs, watermarkMs: timeMs })

const inputs = (values: readonly Partial<Transition>[], partition = 0, from = 0): Input<Transition>[] =>
  values.map((value, index) => ({
    topic: 'transitions',
    partition,
    offset: from + index,
    key: 'u',
    value: transitionOf(value),
    timestampMs: 0,
    headers: {},
  }))
const model = (outputs: readonly Output[]) => outputs[0].value as ModelVersion
const learnOnce = (state: LearnerState, values: readonly Partial<Transition>[], from = 0, stage = stageWith()) =>
  model(stage.step(state, inputs(values, 0, from), tick(), noVectors).outputs)
const clicked = { state: snapshotOf({ hour: 3 }), delta: { click: 1 } }

describe('the learner stage', () => {
  test('publishes a version with what it contains', async () => {
    const stage = stageWith()
    const state = await stage.open(0)
    const rewards = [{ ...clicked, kind: 'reward' as const, reward_time_ms: 1500 }]
    const step = stage.step(state, [...inputs([clicked]), ...inputs(rewards, 3, 7)], tick(6000), noVectors)
    const { version, parent, transitions, contains, created_ms, newest_reward_ms, outcome_times_ms, base_version } =
      model(step.outputs)
    assert.deepEqual(
      { version, parent, transitions, contains, created_ms, newest_reward_ms, outcome_times_ms, base_version },
      {
        version: '000000000001',
        parent: null,
        transitions: 2,
        contains: [
          { topic: 'transitions', partition: 0, next: 1 },
          { topic: 'transitions', partition: 3, next: 8 },
        ],
        created_ms: 6000,
        newest_reward_ms: 1500,
        outcome_times_ms: [1500],
        base_version: null,
      },
    )
    assert.deepEqual(step.counts, [
      { metric: 'feedloop_learned_total', labels: { policy: 'default', result: 'learned' }, value: 2 },
    ])
  })

  test('nothing in, nothing out', async () => {
    const stage = stageWith()
    assert.deepEqual(stage.step(await stage.open(0), [], tick(), noVectors).outputs, [])
  })

  test('versions of a policy that had the partition before are passed over', async () => {
    const stage = stageWith()
    const heartbeats = {
      ...learnOnce((await stage.open(0)) as LearnerState, [clicked]),
      policy: 'heartbeat',
      config_hash: 'other',
    }
    const state = await stage.open(0)
    stage.fold(state, [], [{ key: 'heartbeat', value: heartbeats }], tick())
    assert.deepEqual([stage.whole!(state), learnOnce(state, [clicked]).version], [false, '000000000001'])
  })

  const own = 'mine'
  for (const { title, names, of, refused } of [
    { title: 'the order was changed', names: [own, 'theirs'], of: ['theirs'], refused: /versions of `theirs`.*order/ },
    { title: 'it was changed and put back', names: [own, 'theirs'], of: [own, 'theirs'], refused: /`theirs`/ },
    { title: 'another had it long ago', names: [own, 'theirs'], of: ['theirs', own], refused: null },
    { title: 'it was named anew', names: [own, 'theirs'], of: ['former'], refused: null },
    { title: 'the heartbeats had it, which have another', names: [own, 'heartbeat'], of: ['heartbeat'], refused: null },
    { title: 'it is its own', names: [own, 'theirs'], of: [own], refused: null },
  ])
    test(`a partition that ends with versions of ${of.join(', ')}: ${title}`, async () => {
      const config = configWith({ policies: names.map(name => ({ name })) })
      const stage = stageWith(config)
      const made = learnOnce(await stage.open(0), [{ ...clicked, policy: own }], 0, stage)
      const state = await stage.open(0)
      for (const policy of of) stage.fold(state, [], [{ key: policy, value: { ...made, policy } }], tick())
      const learn = () => learnOnce(state, [{ ...clicked, policy: own }], 1, stage)
      if (refused) assert.throws(learn, error => isCode(error, 'MODEL_INCOMPATIBLE') && refused.test(String(error)))
      else assert.equal(learn().version, of.includes(own) ? '000000000002' : '000000000001')
    })

  test('a full version is published again before the last one expires, with nothing in, and by who was restarted too', async () => {
    const stage = stageWith(configWith({ topics: { retentionHours: 200 } }))
    const half = 100 * 3_600_000
    const state = await stage.open(0)
    assert.equal(stage.due!(state, tick(1e15)), false, 'there is nothing yet')
    const first = stage.step(state, inputs([clicked]), tick(1000), noVectors).outputs
    const second = stage.step(state, inputs([clicked], 0, 1), tick(half), noVectors).outputs
    assert.deepEqual([model(first).base_version, model(second).base_version], [null, model(first).version])
    const folded = await stage.open(0)
    assert.equal(stage.whole!(folded), false)
    stage.fold(folded, [], [...first, ...second], tick(half))
    assert.equal(stage.whole!(folded), true)
    for (const who of [state, folded]) {
      assert.equal(stage.due!(who, tick(half + 999)), false)
      assert.deepEqual(stage.step(who, [], tick(half + 999), noVectors).outputs, [])
      assert.equal(stage.due!(who, tick(half + 1000)), true)
      const again = model(stage.step(who, [], tick(half + 1000), noVectors).outputs)
      const { version, parent, base_version, transitions, outcome_times_ms, metrics } = again
      assert.deepEqual(metrics, { ...model(second).metrics, learned: 0 }, 'as the newest that learned says them')
      assert.ok(Object.keys(metrics).length > 1)
      assert.deepEqual([version, parent, base_version], ['000000000003', model(second).version, null])
      assert.deepEqual([transitions, outcome_times_ms], [2, []])
      assert.ok(again.tensors.length > 0)
      assert.equal(stage.due!(who, tick(half + 1001)), false)
    }
  })

  test('transitions of other policies and refused ones are covered, not learned', async () => {
    const stage = stageWith()
    const step = stage.step(
      await stage.open(0),
      inputs([{ policy: 'other' }, { slot: -1, action: ['a', 'b'] }]),
      tick(),
      noVectors,
    )
    assert.equal(model(step.outputs).transitions, 2)
    const names = model(step.outputs).tensors.map(({ name }) => name)
    assert.deepEqual(names, ['prior/mean'], 'no item')
    assert.deepEqual(step.counts, [
      { metric: 'feedloop_learned_total', labels: { policy: 'default', result: 'refused' }, value: 1 },
      { metric: 'feedloop_learner_refused_total', labels: { policy: 'default', reason: 'slate' }, value: 1 },
    ])
  })

  test('every fullEvery-th version is full, the others hold what changed', async () => {
    const config = configWith({ learner: { fullEvery: 3 } })
    const stage = stageWith(config)
    const state = await stage.open(0)
    const bases = [0, 1, 2, 3, 4].map(
      i => learnOnce(state, [{ ...clicked, action: [`item${i}`] }], i, stage).base_version,
    )
    assert.deepEqual(bases, [null, '000000000001', '000000000002', null, '000000000004'])
  })

  for (const [name, restarted] of Object.entries({ 'all versions': 0, 'from a full one in mid-log': 2 }))
    test(`the law: folding ${name} leaves the state as stepping did`, async () => {
      const config = configWith({ learner: { fullEvery: 4 } })
      const stage = stageWith(config)
      const stepped = await stage.open(0)
      const outputs: Output[] = []
      for (let i = 0; i < 6; i++)
        outputs.push(
          ...stage.step(stepped, inputs([{ ...clicked, action: [`item${i % 3}`] }], i % 2, i), tick(), noVectors)
            .outputs,
        )
      const folded = await stage.open(0)
      for (const output of outputs.slice(restarted)) stage.fold(folded, [], [output], tick())
      const next = inputs([{ ...clicked, action: ['item1'] }], 0, 9)
      const sorted = ({ tensors, ...rest }: ModelVersion) => ({
        ...rest,
        tensors: [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)),
      })
      assert.deepEqual(
        sorted(model(stage.step(folded, next, tick(), noVectors).outputs)),
        sorted(model(stage.step(stepped, next, tick(), noVectors).outputs)),
      )
    })

  test('another configuration of the state: MODEL_INCOMPATIBLE that says what to do; other weights go on', async () => {
    const first = learnOnce(await stageWith().open(0), [clicked])
    const output = { key: 'default', value: first }
    const other = stageWith(configWith({ state: { contextDimensions: 4 } }))
    const state = await other.open(0)
    assert.throws(
      () => other.fold(state, [], [output], tick()),
      error => isCode(error, 'MODEL_INCOMPATIBLE') && /Restore them/.test(String(error)),
    )
    const weighted = stageWith(configWith({ policies: [{ rewards: { click: { weight: 7 } } }] }))
    const going = await weighted.open(0)
    weighted.fold(going, [], [output], tick())
    assert.equal(learnOnce(going, [clicked], 1, weighted).parent, first.version)
  })
})

describe('vectors', () => {
  const seen = { item_id: 'x', feature_version: 5, type: 'click', age_ms: 1, value: 1 }
  const withHistory = { ...clicked, state: { ...snapshotOf(), history: [seen] } }

  test('one that is not here yet: FEATURES_BEHIND, and nothing was learned', async () => {
    const stage = stageWith()
    const state = await stage.open(0)
    const batch = inputs([clicked, withHistory])
    assert.throws(
      () => stage.step(state, batch, tick(), { ...noVectors, caughtUp: false }),
      error => isCode(error, 'FEATURES_BEHIND'),
    )
    const vector = (id: string, version: number) => (id === 'x' && version === 5 ? Float32Array.of(1, 2) : undefined)
    const version = model(
      stage.step(state, batch, tick(), { features: { ...noVectors.features, vector }, caughtUp: false }).outputs,
    )
    assert.equal(version.version, '000000000001')
    assert.equal(version.metrics.learned, 2)
  })

  test('one that will not come: refused with its reason, the others are learned', async () => {
    const stage = stageWith()
    const step = stage.step(await stage.open(0), inputs([clicked, withHistory]), tick(), noVectors)
    assert.deepEqual(
      step.counts.map(({ labels, value }) => [labels?.reason ?? labels?.result, value]),
      [
        ['learned', 1],
        ['refused', 1],
        ['feature_missing', 1],
      ],
    )
  })

  test('the two-tower learner needs those of the candidates, the linear one does not', async () => {
    const candidates = [{ item_id: 'x', feature_version: 5, source: 'request', inclusion_probability: 1 }]
    const batch = inputs([{ ...clicked, candidates, action: ['x'] }])
    const behind = { ...noVectors, caughtUp: false }
    const linear = stageWith()
    assert.equal(linear.step(await linear.open(0), batch, tick(), behind).outputs.length, 1)
    const towers = stageWith(configWith({ policies: [{ algorithm: 'two-tower', explorer: { name: 'softmax' } }] }))
    const state = await towers.open(0)
    assert.throws(
      () => towers.step(state, batch, tick(), behind),
      error => isCode(error, 'FEATURES_BEHIND'),
    )
    const vector = () => Float32Array.of(1, 2)
    const version = model(
      towers.step(state, batch, tick(), { features: { ...noVectors.features, vector }, caughtUp: false }).outputs,
    )
    assert.equal(version.algorithm, 'two-tower')
    assert.equal(version.metrics.updates, configWith().policies[0].twoTower.stepsPerBatch)
  })
})
