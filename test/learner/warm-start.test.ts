/** A log of others: which transitions it holds, and that a policy starts from it once. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Request, Transition } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { isCode } from '../../src/errors.ts'
import { createLearnerStage, type LearnerState } from '../../src/learner/step.ts'
import { type LoggedRow, transitionsOf, type WarmStart } from '../../src/learner/warm-start.ts'
import type { Input, Output } from '../../src/stage.ts'
import { snapshotOf, transitionOf } from './examples.ts'
import { features, happens, logOf, shows } from './log-rows.ts'

type PolicyInput = NonNullable<ConfigInput['policies']>[number]

const view = { features, caughtUp: true }

const configOf = (policy: PolicyInput = {}) => parseConfig({ features: { dimensions: 2 }, policies: [policy] })
const warmStart = { data: 'log.csv', mapping: 'log.yaml', propensity: 'p' }
const minute = 60_000
const windowed: PolicyInput = { attributionWindowMs: minute, rewards: { click: {}, buy: { value: 'value' } } }

function walked(rows: readonly LoggedRow[], policy: PolicyInput = windowed) {
  const config = configOf(policy)
  const { transitions, refused } = transitionsOf(logOf(rows), config, config.policies[0], features)
  return { transitions: [...transitions], refused }
}

describe('transitions of a log', () => {
  const cases: {
    name: string
    rows: readonly LoggedRow[]
    policy?: PolicyInput
    /** Of each: id, reward so far. */
    rewards: readonly (readonly [string, Transition['cumulative']])[]
    refused?: Readonly<Record<string, number>>
  }[] = [
    { name: 'a decision of which nothing came', rows: [shows('d')], rewards: [['d/0', {}]] },
    { name: 'an outcome in its row', rows: [{ ...shows('d'), ...happens('c') }], rewards: [['d/0', { click: 1 }]] },
    {
      name: 'outcomes rows later, summed by component',
      rows: [
        shows('d'),
        happens('c'),
        happens('b1', { type: 'buy', value: 4 }),
        happens('b2', { type: 'buy', value: 3 }),
      ],
      rewards: [['d/0', { click: 1, buy: 7 }]],
    },
    {
      name: 'an outcome without a decision is of the last that showed its item to its person',
      rows: [shows('d'), shows('e', { time_ms: 1200 }), shows('f', { user_id: 'bob', time_ms: 1300 }), happens('c')],
      rewards: [
        ['d/0', {}],
        ['e/0', { click: 1 }],
        ['f/0', {}],
      ],
    },
    {
      name: 'one that names its decision is of that',
      rows: [shows('d'), shows('e', { time_ms: 1200 }), happens('c', { decision_id: 'd', item_id: null })],
      rewards: [
        ['d/0', { click: 1 }],
        ['e/0', {}],
      ],
    },
    {
      name: 'a slate is one transition a slot; item or slot say which',
      rows: [
        shows('d', { slots: 2, baseline: ['a', 'b'] }),
        happens('c', { item_id: 'b' }),
        happens('s', { decision_id: 'd', item_id: null, slot: 0, type: 'buy', value: 2 }),
      ],
      rewards: [
        ['d/0', { buy: 2 }],
        ['d/1', { click: 1 }],
        ['d/-1', { buy: 2, click: 1 }],
      ],
    },
    {
      name: 'an outcome that names a decision of several, but no place, is of the slate as a whole',
      rows: [
        shows('d', { slots: 2, baseline: ['a', 'b'] }),
        happens('c', { decision_id: 'd', item_id: null }),
        happens('c', { decision_id: 'd', item_id: null }),
        happens('none', { decision_id: 'd', item_id: null, slot: 2 }),
      ],
      rewards: [
        ['d/0', {}],
        ['d/1', {}],
        ['d/-1', { click: 1 }],
      ],
      refused: { duplicate: 1, orphan: 1 },
    },
    {
      name: 'outcomes that nothing caused',
      rows: [
        shows('d'),
        happens('before', { time_ms: 999 }),
        happens('late', { time_ms: 1001 + minute }),
        happens('other', { item_id: 'b' }),
        happens('nameless', { item_id: null }),
        happens('unknown', { decision_id: 'x' }),
        happens('stranger', { user_id: 'bob', decision_id: 'd' }),
        happens('no reward', { type: 'view' }),
      ],
      rewards: [['d/0', {}]],
      refused: { orphan: 6 },
    },
    {
      name: 'the same row twice counts once',
      rows: [shows('d'), shows('d'), happens('c'), happens('c')],
      rewards: [['d/0', { click: 1 }]],
      refused: { duplicate: 2 },
    },
    {
      name: 'what shows nothing is no decision',
      rows: [shows('d', { baseline: null }), shows('e', { baseline: [] })],
      rewards: [],
      refused: { nothing_shown: 2 },
    },
    {
      name: 'a log that is said to hold propensities must hold them, one an item',
      policy: { ...windowed, warmStart },
      rows: [
        shows('d', { context: { p: 0.25 } }),
        shows('none'),
        shows('zero', { context: { p: 0 } }),
        shows('much', { context: { p: 1.5 } }),
        shows('text', { context: { p: '0.5' } }),
        shows('slate', { context: { p: 0.5 }, slots: 2, baseline: ['a', 'b'] }),
      ],
      rewards: [['d/0', {}]],
      refused: { propensity_invalid: 5 },
    },
  ]
  for (const { name, rows, policy, rewards, refused: expected = {} } of cases)
    test(name, () => {
      const { transitions, refused } = walked(rows, policy)
      assert.deepEqual(
        transitions.map(({ transition_id, cumulative }) => [transition_id, cumulative]),
        rewards,
      )
      assert.deepEqual(refused, expected)
      for (const { delta, cumulative } of transitions) assert.deepEqual(delta, cumulative)
    })

  test('a propensity is exact where the log states it, and no part of the state', () => {
    const of = (policy: PolicyInput) => walked([shows('d', { context: { p: 0.25, hour: 3 } })], policy).transitions[0]
    const [stated, unsaid] = [of({ ...windowed, warmStart }), of(windowed)]
    assert.deepEqual(
      [stated.propensity, stated.first_draw_propensity, stated.propensity_kind, stated.state.context],
      [0.25, 0.25, 'exact', { hour: 3 }],
    )
    assert.deepEqual(
      [unsaid.propensity, unsaid.propensity_kind, unsaid.state.context],
      [0, 'unknown', { p: 0.25, hour: 3 }],
    )
    for (const { mode, chosen_by } of [stated, unsaid]) assert.deepEqual([mode, chosen_by], ['apprentice', 'baseline'])
  })

  test('the state is what was known of the person before, with the vectors that are current now', () => {
    const rows = [happens('v', { item_id: 'b', time_ms: 400 }), shows('d'), happens('c')]
    const [{ state }] = walked(rows).transitions
    assert.deepEqual(state.counts, { click: 1 })
    assert.deepEqual(state.history, [{ item_id: 'b', feature_version: 7, type: 'click', age_ms: 600, value: 1 }])
  })

  test('candidates are what the log says was offered, else what there is; what was shown was offered', () => {
    const of = (changes: Partial<Request>) =>
      walked([shows('d', changes)]).transitions[0].candidates.map(each => [each.item_id, each.feature_version])
    // what was shown must not be told by its place
    assert.deepEqual(of({ candidates: ['b', 'a'] }), [
      ['b', 7],
      ['a', 7],
    ])
    assert.deepEqual(of({ candidates: ['b'] }), [
      ['b', 7],
      ['a', 7],
    ])
    assert.deepEqual(of({ baseline: ['gone'] }), [
      ['a', 7],
      ['b', 7],
      ['gone', 0],
    ])
  })
})

const clicks = Array.from({ length: 40 }, (_, i) => {
  const item_id = i % 2 === 0 ? 'a' : 'b'
  const time_ms = 1000 * i
  const shown = shows(`d${i}`, { user_id: `u${i}`, time_ms, baseline: [item_id], context: { p: 0.5 } })
  return { ...shown, ...(i % 2 === 0 ? happens(`c${i}`, { user_id: `u${i}`, item_id, time_ms }) : {}) }
})
const log = logOf(clicks)
const tick = { timeMs: 1e6, watermarkMs: 1e6 }
/** A version is due again. */
const later = { timeMs: tick.timeMs + 1000, watermarkMs: tick.watermarkMs }
const model = (outputs: readonly Output[]) => outputs[0].value as ModelVersion
const online: Input<Transition> = {
  topic: 'transitions',
  partition: 0,
  offset: 0,
  key: 'u',
  value: transitionOf({ transition_id: 'online/0', state: snapshotOf({ hour: 3 }), delta: { click: 1 } }),
  timestampMs: 0,
  headers: {},
}

const stageOf = (policy: PolicyInput, start?: WarmStart) => {
  const config = configOf(policy)
  return createLearnerStage(config, config.policies[0], start)
}
const twoTower: PolicyInput = { algorithm: 'two-tower', explorer: { name: 'softmax' } }
const learners: Readonly<Record<string, PolicyInput>> = {
  'linear-gaussian': {},
  'bagged-linear': { algorithm: 'bagged-linear', explorer: { name: 'bagging' } },
  'neural-linear': { algorithm: 'neural-linear' },
  'two-tower': twoTower,
}

for (const [name, policy] of Object.entries(learners))
  describe(`the ${name} learner starts from a log`, () => {
    const known = { ...policy, warmStart }

    test('with nothing in, once', async () => {
      const stage = stageOf(known, log)
      const state = await stage.open(0)
      assert.equal(stage.due!(state, tick), true)
      const version = model(stage.step(state, [], tick, view).outputs)
      assert.deepEqual(
        [version.warm_start, version.transitions, version.metrics.learned, version.contains],
        ['one', 0, 40, []],
      )
      assert.ok(version.tensors.length > 0)
      assert.equal(stage.due!(state, tick), false)
      assert.deepEqual(stage.step(state, [], tick, view).outputs, [])
      assert.deepEqual(model(stage.step(state, [online], later, view).outputs).transitions, 1)
    })

    test('who is restarted goes on from the version that has it', async () => {
      const stage = stageOf(known, log)
      const first = stage.step(await stage.open(0), [], tick, view).outputs
      const restarted = await stage.open(0)
      stage.fold(restarted, [], first, tick)
      assert.equal(stage.due!(restarted, tick), false)
      const { warm_start, transitions, parent } = model(stage.step(restarted, [online], later, view).outputs)
      assert.deepEqual([warm_start, transitions, parent], ['one', 1, model(first).version])
    })

    test('who is started without the log later still names it', async () => {
      const first = stageOf(known, log).step(await stageOf(known, log).open(0), [], tick, view).outputs
      const without = stageOf(policy)
      const state = await without.open(0)
      without.fold(state, [], first, tick)
      assert.equal(model(without.step(state, [online], later, view).outputs).warm_start, 'one')
    })

    test('another log on top is refused, and says what to do', async () => {
      const first = stageOf(known, log).step(await stageOf(known, log).open(0), [], tick, view).outputs
      const other = stageOf(known, logOf(clicks, 'two'))
      const state = await other.open(0)
      assert.throws(
        () => other.fold(state, [], first, tick),
        error => isCode(error, 'MODEL_INCOMPATIBLE') && /remove policies\.default\.warmStart/.test(String(error)),
      )
    })
  })

test('a log given to a policy that has learned is learned before what comes next', async () => {
  const before = stageOf({})
  const first = before.step(await before.open(0), [online], tick, view).outputs
  const stage = stageOf({ warmStart }, log)
  const state: LearnerState = await stage.open(0)
  stage.fold(state, [], first, tick)
  const { warm_start, transitions, metrics } = model(stage.step(state, [{ ...online, offset: 1 }], tick, view).outputs)
  assert.deepEqual([warm_start, transitions, metrics.learned], ['one', 2, 41])
})

test('a log that takes long is learned in pieces, without a version in between, and anew by who fell over one', async () => {
  const stage = stageOf({ ...twoTower, twoTower: { batchSize: 4 }, warmStart }, log)
  const fallen = await stage.open(0)
  assert.deepEqual(stage.step(fallen, [], tick, view), { outputs: [], refusals: [], counts: [] })
  const state = await stage.open(0)
  for (const inputs of [[], [online]]) {
    assert.deepEqual(stage.step(state, inputs, tick, view), { outputs: [], refusals: [], counts: [] })
    assert.equal(stage.due!(state, tick), true)
  }
  const { outputs, counts } = stage.step(state, [], tick, view)
  const { warm_start, transitions, metrics, contains } = model(outputs)
  const refused = counts.find(({ labels }) => labels?.result === 'refused')?.value ?? 0
  assert.deepEqual([warm_start, transitions, Number(metrics.learned) + refused], ['one', 1, 41])
  assert.deepEqual(contains, [{ topic: 'transitions', partition: 0, next: 1 }])
  assert.equal(stage.due!(state, tick), false)
})

test('from a log or from transitions: the same sums', async () => {
  const stage = stageOf({ warmStart }, log)
  const fromLog = model(stage.step(await stage.open(0), [], tick, view).outputs)
  const config = configOf({ warmStart })
  const transitions = [...transitionsOf(log, config, config.policies[0], features).transitions]
  const plain = stageOf({})
  const inputs = transitions.map((value, offset) => ({ ...online, value, offset }))
  const fromTopic = model(plain.step(await plain.open(0), inputs, tick, view).outputs)
  assert.deepEqual(fromLog.tensors, fromTopic.tensors)
})

describe('what a learner refuses of a log is counted by its reason', () => {
  const reasonsOf = async (policy: PolicyInput, start: WarmStart) => {
    const stage = stageOf(policy, start)
    const { counts } = stage.step(await stage.open(0), [], tick, view)
    return Object.fromEntries(
      counts
        .filter(({ metric }) => metric === 'feedloop_learner_refused_total')
        .map(({ labels, value }) => [labels!.reason, value]),
    )
  }
  test('without propensities: all by who needs them, unless it imitates; none by who does not', async () => {
    assert.deepEqual(await reasonsOf(twoTower, log), { propensity_not_exact: 40 })
    assert.deepEqual(await reasonsOf({ ...twoTower, twoTower: { imitate: true } }, log), {})
    assert.deepEqual(await reasonsOf({}, log), {})
  })
  test('items without a vector, by who sees items by their vectors', async () => {
    const strange = logOf([...clicks, shows('s', { baseline: ['new'], context: { p: 0.5 } })])
    assert.deepEqual(await reasonsOf({ ...twoTower, warmStart }, strange), { item_unknown: 1 })
    assert.deepEqual(await reasonsOf({ warmStart }, strange), {})
  })
  test('rows that say nothing, with the codes of the mapping', async () => {
    const start = { ...logOf([...clicks, shows('none')]), refused: { FIELD_MISSING: 3 } }
    assert.deepEqual(await reasonsOf({ warmStart }, start), { FIELD_MISSING: 3, propensity_invalid: 1 })
  })
})
