import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelVersion, Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createGate, type GateState } from '../../src/gate/step.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { neuralLinearLearner } from '../../src/learner/neural-linear/learner.ts'
import { loadTensorFlow } from '../../src/learner/tensorflow.ts'
import { createTwoTowerLearner } from '../../src/learner/two-tower/learner.ts'
import { type Standing, wholeVersion } from '../../src/models/start.ts'
import { type Order, sharesFault } from '../../src/models/traffic.ts'
import { topics } from '../../src/pipeline.ts'
import type { Input } from '../../src/stage.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'

const config = parseConfig({ features: { dimensions: 2 }, gate: { maxKl: 2 } })
const gate = createGate(config)
const d = 1 + 2 + 8
const tick = { timeMs: 77, watermarkMs: 0 }

const ones = new Float64Array(d).fill(1)
const bias = Float64Array.from(ones, (_, i) => (i === 0 ? 1 : 0))

/** Versions 1 … n of one learner, the first full. `a` is rewarded by `reward`, `b` by 0. */
function versions(n: number, reward = (_: number, _k: number) => 1, repeats = 1, x = ones): ModelVersion[] {
  const learner = createLinearLearner({
    ...plainFeatures(d),
    priorPrecision: 1,
    maxItems: 9,
    halfLifeMs: 0,
    maxCheckpointBytes: 1 << 20,
  })
  return Array.from({ length: n }, (_, i) => {
    for (let k = 0; k < repeats; k++)
      for (const action of ['a', 'b'])
        learner.learn([exampleOf(x, { action: [action], ...rewarded(action === 'a' ? reward(i, k) : 0) })])
    return { ...publish(learner, String(i + 1), i === 0), parent: i === 0 ? null : String(i) }
  })
}

const rewarded = (click: number) => ({ delta: { click }, cumulative: { click } })

const judge = (state: GateState, models: readonly ModelVersion[], stage = gate, at = tick): Release[] => {
  const inputs: Input[] = models.map((value, offset) => ({
    topic: 'models',
    partition: 0,
    offset,
    key: value.policy,
    value,
    timestampMs: 0,
    headers: {},
  }))
  return stage.step(state, inputs, at, undefined).outputs.map(output => output.value as Release)
}
const opened = () => gate.open(0) as GateState
const brief = (releases: readonly Release[]) =>
  releases.map(({ release_version, reason, shares }) => [Number(release_version), reason, shares[0].model_version])

describe('the gate', () => {
  test('a chain of good versions is promoted, with evidence', () => {
    const releases = judge(opened(), versions(3))
    assert.deepEqual(brief(releases), [
      [1, 'promoted', '1'],
      [2, 'promoted', '2'],
      [3, 'promoted', '3'],
    ])
    assert.equal(releases[1].time_ms, 77)
    assert.equal(releases[1].refused_version, null)
    assert.equal(releases[1].evidence.compared_with, '1')
    const { kl_max, kl_mean } = releases[1].evidence as Record<string, number>
    assert.ok(kl_max > 0 && kl_mean > 0 && kl_mean <= kl_max && kl_max < 2)
  })

  const broken: Record<string, (model: ModelVersion) => ModelVersion> = {
    MODEL_NOT_FINITE: model => {
      model.tensors[0].data.writeDoubleLE(Number.POSITIVE_INFINITY, 64)
      return model
    },
    MODEL_INCOMPATIBLE: model => ({ ...model, tensors: [{ ...model.tensors[0], shape: [5] }] }),
    'MODEL_INCOMPATIBLE by its parent': model => ({ ...model, parent: 'stranger' }),
    'MODEL_INCOMPATIBLE by its algorithm': model => ({ ...model, algorithm: 'two-tower' }),
  }
  for (const [name, breakIt] of Object.entries(broken))
    test(`refused: ${name}; the serving version stays and the next full one is promoted`, () => {
      const [first, second] = versions(2)
      const full = { ...versions(1)[0], version: '3', parent: '2' }
      const state = opened()
      const releases = judge(state, [first, breakIt(second), full])
      assert.deepEqual(brief(releases), [
        [1, 'promoted', '1'],
        [2, `refused:${name.split(' ')[0]}`, '1'],
        [3, 'promoted', '3'],
      ])
      assert.equal(releases[1].refused_version, '2')
      assert.match(String(releases[1].evidence.detail), /^MODEL_/)
    })

  test('too far from the serving version: MODEL_TOO_FAR with the number', () => {
    const releases = judge(
      opened(),
      versions(2, i => (i === 0 ? 0 : 1000)),
    )
    assert.deepEqual(brief(releases)[1], [2, 'refused:MODEL_TOO_FAR', '1'])
    assert.ok((releases[1].evidence.kl_mean as number) > 2)
  })

  test('the distance does not depend on the unit of the reward', () => {
    const distance = (unit: number) => {
      const [, , third] = judge(
        opened(),
        versions(3, (i, k) => unit * (1 + ((i + k) % 3)), 50),
      )
      return third.evidence.kl_mean as number
    }
    const stars = distance(10)
    assert.ok(stars > 0)
    for (const unit of [100, 10_000])
      assert.ok(Math.abs(distance(unit) / stars - 1) < 0.01, `${unit}: ${distance(unit)}, not ${stars}`)
  })

  test('a sure version turned upside down is too far; one that knows little may turn', () => {
    const turned = (repeats: number) =>
      judge(
        opened(),
        versions(2, i => (i === 0 ? 0.2 : -0.6), repeats, bias),
      )[1]
    assert.equal(turned(1).reason, 'promoted')
    assert.equal(turned(400).reason, 'refused:MODEL_TOO_FAR')
  })

  test('versions that are far from what serves, but agree with each other for gate.holdMs, serve', () => {
    const state = opened()
    const at = (timeMs: number) => ({ timeMs, watermarkMs: 0 })
    const all = versions(5, i => (i === 0 ? 0 : 1000), 50)
    const times = [0, 1000, 60_000, 61_000, 61_001]
    const releases = all.flatMap((model, i) => judge(state, [model], gate, at(times[i])))
    assert.deepEqual(
      releases.map(({ reason, evidence }) => [reason, evidence.held_ms]),
      [
        ['promoted', undefined],
        ['refused:MODEL_TOO_FAR', 0],
        ['refused:MODEL_TOO_FAR', 59_000],
        ['promoted', 60_000],
        ['promoted', undefined],
      ],
    )
  })

  /** Another gate that takes over after these releases. */
  const restarted = async (releases: readonly Release[], standing: Standing) => {
    const stage = createGate(config, async () => new Map([['default', standing]]))
    const state = stage.open(0) as GateState
    const outputs = releases.map(value => ({ key: 'default', value }))
    stage.fold(state, [], outputs, tick)
    await state.room!()
    assert.equal(state.room!(), undefined, 'asked once')
    return (model: ModelVersion): Release => judge(state, [model], stage)[0]!
  }

  test('after a restart an increment is judged on the version that was judged last', async () => {
    const all = versions(3)
    const two = wholeVersion(all, '2')!
    const next = await restarted(judge(opened(), all.slice(0, 2)), { judged: two, serving: two })
    const release = next(all[2])
    assert.deepEqual([release.reason, release.evidence.compared_with], ['promoted', '2'])
    assert.equal(release.evidence.kl_mean, judge(opened(), all)[2].evidence.kl_mean)
  })

  test('a restart after a refusal does not loosen the bound: what is next is compared with what serves', async () => {
    const all = versions(3, i => (i === 0 ? 0 : 1000))
    const unbroken = judge(opened(), all)
    assert.deepEqual(brief(unbroken)[2], [3, 'refused:MODEL_TOO_FAR', '1'])
    const standing = { judged: wholeVersion(all, '2')!, serving: wholeVersion(all, '1')! }
    for (const third of [all[2], { ...wholeVersion(all, '3')!, parent: '2' }]) {
      const next = await restarted(unbroken.slice(0, 2), standing)
      assert.deepEqual(next(third), unbroken[2], third.base_version ? 'an increment' : 'a full checkpoint')
    }
  })

  test('after a restart releases go on from the folded ones; increments whose base is lost wait for a full checkpoint', () => {
    const all = versions(3)
    const before = judge(opened(), all.slice(0, 1))
    const state = opened()
    gate.fold(
      state,
      [],
      before.map(value => ({ key: 'default', value })),
      tick,
    )
    assert.deepEqual(judge(state, [all[1]]), [])
    const bad = { ...versions(1)[0], version: '3', parent: 'x' }
    const full = { ...versions(1)[0], version: '4', parent: '3' }
    assert.deepEqual(brief(judge(state, [bad, full])), [
      [2, 'refused:MODEL_INCOMPATIBLE', '1'],
      [3, 'promoted', '4'],
    ])
  })

  test('two-tower versions are probed with made-up items', async () => {
    const policies = [{ algorithm: 'two-tower' as const, explorer: { name: 'softmax' as const } }]
    const towers = createGate(parseConfig({ features: { dimensions: 2 }, policies }))
    const shape = { stateDimensions: d, itemDimensions: 2, ...config.policies[0].twoTower, bootstraps: false }
    const first = publish(await createTwoTowerLearner(shape), '1', true)
    const second = publish(await createTwoTowerLearner({ ...shape, seed: 2 }), '2', true)
    const state = towers.open(0) as GateState
    const releases = judge(state, [first, { ...second, parent: '1' }], towers)
    assert.deepEqual(brief(releases), [
      [1, 'promoted', '1'],
      [2, 'promoted', '2'],
    ])
    assert.ok((releases[1].evidence.kl_mean as number) > 0)
  })

  test('neural-linear versions pass over rounds of training; one whose towers are broken does not', async () => {
    const policies = [{ algorithm: 'neural-linear' as const }]
    const configured = parseConfig({ features: { dimensions: 2 }, policies })
    const learner = neuralLinearLearner(
      {
        ...configured.policies[0].neuralLinear,
        stateDimensions: d,
        itemDimensions: 2,
        numbers: { from: 1, count: 0 },
        weightOf: () => 1,
        head: { priorPrecision: 0.3, maxItems: 9, halfLifeMs: 0, maxCheckpointBytes: 1 << 20 },
      },
      await loadTensorFlow(),
    )
    const vectors = [Float32Array.of(1, 0), Float32Array.of(0, 1)]
    const made = Array.from({ length: 6 }, (_, n) => {
      const examples = Array.from({ length: 40 }, (_, i) => {
        const click = { click: i % 2 }
        const shown = { transition_id: `${n}/${i}`, action: [i % 2 ? 'a' : 'b'], delta: click, cumulative: click }
        return exampleOf(i % 3 ? ones : bias, shown, { candidates: vectors })
      })
      learner.learn(examples)
      return { ...publish(learner, String(n + 1), n === 0), parent: n === 0 ? null : String(n) }
    })
    assert.ok(made[5].parameters.adam_steps > made[0].parameters.adam_steps, 'features moved')
    const neural = createGate(configured)
    const state = neural.open(0) as GateState
    const broken = { ...made[5], version: '7', parent: '6', base_version: '6', tensors: made[5].tensors.slice(1) }
    assert.deepEqual(
      brief(judge(state, [...made, broken], neural)).map(([, reason, version]) => [reason, version]),
      [...made.map(({ version }) => ['promoted', version]), ['refused:MODEL_INCOMPATIBLE', '6']],
    )
  })

  describe('an order', () => {
    const pinned = (version: string, share: number) => ({ model_version: version, share, follows: false })
    const latest = (share: number) => ({ model_version: '', share, follows: true })
    const order = (over: Partial<Order>): Order => ({
      id: 'o1',
      policy: 'default',
      mode: null,
      shares: null,
      why: 'a trial',
      by: 'ann',
      ...over,
    })
    /** A gate that carries the order out after these releases, and what it says. */
    const carry = (over: Partial<Order>, before: readonly Release[] = []) => {
      const stage = createGate(config, undefined, order(over))
      const state = stage.open(0) as GateState
      for (const value of before) stage.fold(state, [], [{ key: 'default', value }], tick)
      assert.equal(stage.due!(state, tick), true)
      const [release] = judge(state, [], stage)
      assert.equal(stage.due!(state, tick), false, 'once')
      return { stage, state, release: release! }
    }
    const traffic = ({ mode, shares }: Release) => [mode, shares]

    test('changes what it names, says who and why, and holds for the releases after it', () => {
      const all = versions(3)
      const before = judge(opened(), all.slice(0, 1))
      const { stage, state, release } = carry({ mode: 'apprentice' }, before)
      assert.deepEqual(
        [release.release_version, release.reason, release.evidence],
        ['000000000002', 'manual', { order: 'o1', why: 'a trial', by: 'ann' }],
      )
      assert.deepEqual(traffic(release), ['apprentice', [{ ...latest(1), model_version: '1' }]])
      const full = { ...versions(1)[0], version: '2', parent: '1' }
      const [next] = judge(state, [full], stage)
      assert.deepEqual(traffic(next!), ['apprentice', [{ ...latest(1), model_version: '2' }]])
    })

    test('one after which an older version serves is counted as a rollback, any other as manual', () => {
      const before = judge(opened(), versions(2))
      const counted = (over: Partial<Order>) => {
        const stage = createGate(config, undefined, order(over))
        const state = stage.open(0) as GateState
        for (const value of before) stage.fold(state, [], [{ key: 'default', value }], tick)
        return stage.step(state, [], tick, undefined).counts.map(({ labels }) => labels?.reason)
      }
      assert.deepEqual(counted({ shares: [pinned('1', 1)] }), ['rollback'])
      assert.deepEqual(counted({ shares: [pinned('', 1)] }), ['rollback'])
      assert.deepEqual(counted({ shares: [pinned('1', 0.2), latest(0.8)] }), ['manual'])
      assert.deepEqual(counted({ mode: 'apprentice' }), ['manual'])
    })

    test('pinned shares stay when a version is promoted, and it is compared with the one that it follows', () => {
      const all = versions(3)
      const before = judge(opened(), all.slice(0, 2))
      const { release } = carry({ shares: [pinned('1', 0.25), latest(0.75)] }, before)
      assert.deepEqual(traffic(release), ['online', [pinned('1', 0.25), { ...latest(0.75), model_version: '2' }]])
      const state = opened()
      judge(state, all.slice(0, 2))
      gate.fold(state, [], [{ key: 'default', value: release }], tick)
      const [next] = judge(state, all.slice(2))
      assert.deepEqual(traffic(next!), ['online', [pinned('1', 0.25), { ...latest(0.75), model_version: '3' }]])
      assert.deepEqual([next!.reason, next!.evidence.compared_with], ['promoted', '2'])
    })

    test('where nothing follows, a version passes and does not serve; `latest` finds it later', () => {
      const all = versions(2)
      const before = judge(opened(), all.slice(0, 1))
      const { release } = carry({ shares: [pinned('1', 0.5), pinned('', 0.5)] }, before)
      const state = opened()
      judge(state, all.slice(0, 1))
      gate.fold(state, [], [{ key: 'default', value: release }], tick)
      const [passed] = judge(state, all.slice(1))
      assert.deepEqual([passed!.reason, passed!.shares, passed!.evidence.version], ['passed', release.shares, '2'])
      const again = carry({ id: 'o2', shares: [latest(1)] }, [...before, release, passed!])
      assert.deepEqual(again.release.shares, [{ ...latest(1), model_version: '2' }])
    })

    test('before any version: mode and shares of the initial policy', () => {
      const { release } = carry({ mode: 'logging_only' })
      assert.deepEqual(traffic(release), ['logging_only', [latest(1)]])
    })

    test('a rival of the command carries it out no second time: the accepted release is known by its order', () => {
      const { release } = carry({ mode: 'apprentice' })
      const stage = createGate(config, undefined, order({ mode: 'apprentice' }))
      const state = stage.open(0) as GateState
      stage.fold(state, [], [{ key: 'default', value: release }], tick)
      assert.equal(stage.due!(state, tick), false)
      assert.deepEqual(judge(state, [], stage), [])
    })

    test('who follows it asks again where the policies stand', async () => {
      let asked = 0
      const standings = async () => {
        asked++
        return new Map<string, Standing>()
      }
      const stage = createGate(config, standings, order({ mode: 'apprentice' }))
      const state = stage.open(0) as GateState
      await state.room!()
      judge(state, [], stage)
      await state.room!()
      assert.deepEqual([asked, state.room!()], [2, undefined])
    })

    const refused: Record<string, Order['shares']> = {
      'shares sum to 0.5, not to 1': [latest(0.5)],
      'a share is within 0 and 1': [latest(1.5), pinned('1', -0.5)],
      'one share at most follows': [latest(0.5), latest(0.5)],
      'a version is named twice': [pinned('1', 0.5), pinned('1', 0.5)],
    }
    for (const [fault, shares] of Object.entries(refused))
      test(`refused: ${fault}`, () => assert.equal(sharesFault(shares!), fault))
    test('shares that sum to 1 but for rounding are fine', () =>
      assert.equal(sharesFault([pinned('1', 0.1), pinned('2', 0.2), latest(0.7)]), ''))
  })

  test('versions of policies that are not configured are left alone', () =>
    assert.deepEqual(judge(opened(), [{ ...versions(1)[0], policy: 'other' }]), []))
})

test('what serves is said again before its release expires, by who was restarted too', () => {
  const halfMs = (topics.releases.retentionHours * 3_600_000) / 2
  const at = (timeMs: number) => ({ timeMs, watermarkMs: 0 })
  const state = gate.open(0) as GateState
  assert.equal(gate.due!(state, at(1e15)), false, 'nothing serves yet')
  const outputs = judge(state, versions(2)).map(value => ({ key: value.policy, value }))
  const folded = gate.open(0) as GateState
  assert.equal(gate.whole!(folded), false)
  gate.fold(folded, [], outputs.slice(-1), tick)
  assert.equal(gate.whole!(folded), true)
  for (const who of [state, folded]) {
    const due = tick.timeMs + halfMs
    assert.equal(gate.due!(who, at(due - 1)), false)
    assert.deepEqual(gate.step(who, [], at(due - 1), undefined).outputs, [])
    assert.equal(gate.due!(who, at(due)), true)
    const [again, ...more] = gate.step(who, [], at(due), undefined).outputs
    const { reason, shares, release_version, time_ms } = again!.value as Release
    assert.deepEqual(
      [more, reason, shares, release_version, time_ms],
      [[], 'repeated', [{ model_version: '2', share: 1, follows: true }], '000000000003', due],
    )
    assert.equal(gate.due!(who, at(due + 1)), false)
  }
})
