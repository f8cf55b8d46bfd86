/** Replay that outlives the process: what is kept, for whom, how much; and a learner that goes on as if it had never stopped. */
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { open } from 'lmdb'
import type { ModelVersion, Transition } from '../../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../../src/config.ts'
import { openKeeper } from '../../../src/learner/replay/disk.ts'
import type { Recalled } from '../../../src/learner/replay/keeper.ts'
import { createLearnerStage, type LearnerState } from '../../../src/learner/step.ts'
import { noteOpening } from '../../../src/state/crashes.ts'
import { createRandom } from '../../../src/state/random.ts'
import { noVectors, snapshotOf, transitionOf } from '../examples.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'feedloop-replay-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (version: number, createdMs = 1000 * version) => ({ version: String(version), createdMs })
const decided = (n: number, changes: Partial<Transition> = {}) =>
  transitionOf({ transition_id: `d${n}/0`, decision_id: `d${n}`, discount: 0, ...changes })
const rewarded = (n: number) => decided(n, { kind: 'reward', revision: 1, cumulative: { click: 1 } })
const told = ({ transitions }: Recalled) => transitions.map(each => `${each.decision_id} ${each.kind}`)

const nothing: Recalled = { transitions: [], left: [] }
const all = { holds: () => true }

describe('what is kept', () => {
  test('comes back as it was, in order, to the version that contains it', async () => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    keeper.keep([decided(1), decided(2)], at(1), all)
    keeper.keep([rewarded(1)], at(2), all)
    await keeper.close()
    const again = openKeeper(folder)
    assert.deepEqual(again.recall(at(2)).transitions, [decided(1), decided(2), rewarded(1)])
    again.keep([decided(3)], at(3), all)
    assert.deepEqual(told(again.recall(at(3))), ['d1 initial', 'd2 initial', 'd1 reward', 'd3 initial'])
    await again.close()
  })
  for (const [name, after] of [
    ['an older version', at(1)],
    ['a newer one, which somebody else made', at(3)],
    ['one of the same name in a log begun anew', at(2, 5)],
  ] as const)
    test(`is nothing to ${name}, and is gone`, async () => {
      const keeper = openKeeper(folder)
      keeper.recall(at(0, 0))
      keeper.keep([decided(1)], at(2), all)
      assert.deepEqual(keeper.recall(after), nothing)
      assert.deepEqual(keeper.recall(at(2)), nothing)
      await keeper.close()
    })
  test('is what the learner holds, with all that was told of it', async () => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    keeper.keep([decided(1), rewarded(1), decided(2)], at(1), all)
    keeper.keep([rewarded(2), decided(3), rewarded(1), decided(4)], at(2), {
      holds: id => id !== 'd1/0' && id !== 'd4/0',
    })
    const expected = ['d2 initial', 'd2 reward', 'd3 initial']
    assert.deepEqual(told(keeper.recall(at(2))), expected)
    await keeper.close()
  })
  test('is also the ids of what had left, as far as the learner remembers them, in order', async () => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    const remembers = (...ids: string[]) => ({ ...all, left: () => new Set(ids) })
    keeper.keep([], at(1), remembers('d1/0', 'd2/0'))
    keeper.keep([], at(2), remembers('d2/0', 'd3/0', 'd1/0'))
    await keeper.close()
    const again = openKeeper(folder)
    assert.deepEqual(again.recall(at(2)).left, ['d1/0', 'd2/0', 'd3/0'], 'in order of when they came')
    again.keep([], at(3), remembers('d2/0', 'd3/0', 'd4/0'))
    assert.deepEqual(again.recall(at(3)).left, ['d2/0', 'd3/0', 'd4/0'])
    assert.deepEqual(again.recall(at(1)), nothing)
    assert.deepEqual(again.recall(at(3)), nothing)
    await again.close()
  })
  test('has its place in the order from when it came back, where it had left', async () => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    keeper.keep([decided(1), rewarded(1), decided(2)], at(1), all)
    keeper.keep([decided(1)], at(2), all)
    assert.deepEqual(told(keeper.recall(at(2))), ['d2 initial', 'd1 initial'])
    await keeper.close()
  })
  test('is of many revisions those that say what no later one does', async () => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    const said = (revision: number, changes: Partial<Transition> = {}) =>
      decided(1, { kind: 'reward', revision, cumulative: { click: revision }, discount: null, ...changes })
    keeper.keep([decided(1, { discount: null }), said(1), said(2)], at(1), all)
    for (let version = 2; version < 100; version++) keeper.keep([said(version + 1)], at(version), all)
    const revisions = (version: number) => keeper.recall(at(version)).transitions.map(each => each.revision)
    assert.deepEqual(revisions(99), [0, 100])
    keeper.keep([said(101, { discount: 0.9, next_decision_id: 'd2' }), said(102)], at(100), all)
    assert.deepEqual(revisions(100), [0, 101, 102], 'what comes after is said by the first of them alone')
    keeper.keep([said(50), said(103, { terminated: true })], at(101), all)
    assert.deepEqual(revisions(101), [0, 103])
    await keeper.close()
  })
  /** Keeps them until version 1, and ends. */
  const keepAndEnd = async (...transitions: Transition[]): Promise<void> => {
    const keeper = openKeeper(folder)
    keeper.recall(at(0, 0))
    keeper.keep(transitions, at(1), all)
    await keeper.close()
  }
  /** What one that begins then finds at version 1. */
  const foundNext = async (): Promise<Recalled> => {
    const keeper = openKeeper(folder)
    const found = keeper.recall(at(1))
    await keeper.close()
    return found
  }
  test('is dropped where it was written under another schema', async () => {
    await keepAndEnd(decided(1))
    const env = open({ path: folder, noSubdir: false, maxDbs: 3, encoding: 'binary' })
    const meta = env.openDB<string, string>('meta', { encoding: 'string' })
    meta.putSync('taken until', meta.get('taken until')!.replace(/^1\/[0-9a-f]+/, '1/0123456789abcdef'))
    await env.close()
    assert.deepEqual(await foundNext(), nothing)
  })
  test('is dropped where a page in its midst is damaged, and is kept anew', async () => {
    const many = Array.from({ length: 500 }, (_, n) => decided(n))
    await keepAndEnd(...many)
    const file = openSync(join(folder, 'data.mdb'), 'r+')
    for (let page = 2; page < 40; page++) writeSync(file, Buffer.alloc(2000, 0xff), 0, 2000, 4096 * page + 1500)
    closeSync(file)
    const again = openKeeper(folder)
    assert.deepEqual(again.recall(at(1)), nothing)
    again.keep(many, at(1), all)
    await again.close()
    assert.equal((await foundNext()).transitions.length, 500)
  })
  test('is dropped where process after process dies of reading it', async () => {
    await keepAndEnd(decided(1))
    for (let death = 0; death < 5; death++) noteOpening(folder)
    assert.deepEqual(await foundNext(), nothing)
  })
  test('stays where process after process ends in order, with nothing to keep', async () => {
    await keepAndEnd(decided(1))
    for (let end = 0; end < 6; end++) assert.deepEqual(told(await foundNext()), ['d1 initial'])
  })
  test('is dropped where the file is damaged', async () => {
    await keepAndEnd(decided(1))
    truncateSync(join(folder, 'data.mdb'), 5000)
    assert.deepEqual(await foundNext(), nothing)
  })
})

type PolicyInput = NonNullable<ConfigInput['policies']>[number]
/** A restart finds 80 transitions of before, and 40 come after it. @param changes of the i-th of a step */
interface Case {
  readonly name: string
  readonly policy: (small: { readonly bufferSize: number }) => PolicyInput
  /** Transitions; 50: only the newest are there. */
  readonly bufferSizes?: readonly number[]
  readonly changes?: (step: number, i: number) => Partial<Transition>
}

const unknown = (is: boolean): Partial<Transition> => (is ? { propensity_kind: 'unknown', mode: 'logging_only' } : {})
const cases: readonly Case[] = [
  { name: 'two-tower', policy: twoTower => ({ algorithm: 'two-tower', twoTower }) },
  { name: 'v-trace', policy: vTrace => ({ algorithm: 'v-trace', vTrace }) },
  { name: 'reinforce', policy: reinforce => ({ algorithm: 'reinforce', reinforce }) },
  { name: 'dqn', policy: dqn => ({ algorithm: 'dqn', dqn }) },
  { name: 'slate-q', policy: slateQ => ({ algorithm: 'slate-q', slateQ }) },
  {
    name: 'ppo, in the midst of a round',
    policy: small => ({ algorithm: 'ppo', ppo: { ...small, roundSize: 100 } }),
    bufferSizes: [1000],
  },
  {
    // the next of every second is used (it ends) or dropped, so that it need not wait
    name: 'ppo, of sessions of which the later half came first',
    policy: small => ({ algorithm: 'ppo', gamma: 0.9, ppo: { ...small, roundSize: 30 } }),
    bufferSizes: [1000],
    changes: (step, i) =>
      i % 2 === 0
        ? { discount: null, terminated: true }
        : {
            discount: 0.9,
            next_decision_id: `d${100 * step + i - 1 - (step > 0 ? 100 : 0)}`,
            next_state: snapshotOf({ hour: 1 }),
          },
  },
  { name: 'a3c', policy: small => ({ algorithm: 'a3c', a3c: { ...small, workers: 2 } }), bufferSizes: [1000] },
  {
    name: 'ppo, half of it imitated',
    policy: small => ({ algorithm: 'ppo', ppo: { ...small, roundSize: 50, imitate: true } }),
    bufferSizes: [1000],
    changes: (_step, i) => unknown(i % 2 === 1),
  },
  {
    name: 'v-trace, most of it refused',
    policy: small => ({ algorithm: 'v-trace', vTrace: small }),
    bufferSizes: [10],
    changes: (_step, i) => unknown(i > 3),
  },
  {
    name: 'a3c, half of it imitated',
    policy: small => ({ algorithm: 'a3c', a3c: { ...small, workers: 2, imitate: true } }),
    bufferSizes: [1000],
    changes: (step, i) => unknown(step === 0 || i % 2 === 1),
  },
  {
    name: 'v-trace, of a declared range of rewards',
    policy: vTrace => ({ algorithm: 'v-trace', vTrace, rewardRange: { min: -1, max: 3 } }),
  },
  {
    name: 'v-trace, most of it imitated',
    policy: small => ({ algorithm: 'v-trace', vTrace: { ...small, imitate: true } }),
    bufferSizes: [10],
    changes: (_step, i) => unknown(i > 3),
  },
  {
    name: 'dqn, some of it grown too old',
    policy: small => ({ algorithm: 'dqn', dqn: { ...small, maxAgeMs: 1500 } }),
    changes: step => ({ decision_time_ms: [1000, 3000, 3000][step] }),
  },
]

describe('a learner that starts again', () => {
  for (const { name, policy, bufferSizes = [1000, 50], changes = () => ({}) } of cases)
    for (const bufferSize of bufferSizes)
      test(`${name}: goes on with what it had of a buffer of ${bufferSize}, bit for bit`, async () => {
        const small = { hidden: 4, embedding: 4, batchSize: 16, bufferSize }
        const config = parseConfig({ features: { dimensions: 2 }, policies: [policy(small)] })
        const stageIn = (name: string) =>
          createLearnerStage(config, config.policies[0], undefined, () => openKeeper(join(folder, name)))
        const random = createRandom(4)
        const steps = [0, 1, 2].map(step =>
          Array.from({ length: 40 }, (_, i) => {
            const click = random.uniform() < 0.5 ? 1 : 0
            return decided(100 * step + i, {
              state: snapshotOf({ hour: i % 5 }),
              action: [i % 2 ? 'a' : 'b'],
              cumulative: { click },
              ...changes(step, i),
            })
          }),
        )
        // the last step also corrects what the first ones told
        steps[2].push(
          ...steps[0]
            .slice(0, 20)
            .map(each => ({ ...each, kind: 'reward' as const, revision: 1, cumulative: { click: 1 } })),
        )
        const take = (stage: ReturnType<typeof stageIn>, state: LearnerState, step: number, timeMs: number) => {
          const inputs = steps[step].map((value, offset) => ({
            topic: 'transitions' as const,
            partition: 0,
            offset: 100 * step + offset,
            key: 'u',
            value,
            timestampMs: 0,
            headers: {},
          }))
          return stage.step(state, inputs, { timeMs, watermarkMs: 0 }, noVectors)
        }
        const learn = (stage: ReturnType<typeof stageIn>, state: LearnerState, step: number): ModelVersion => {
          const { outputs } = take(stage, state, step, 1000 * (step + 1))
          state.commit()
          return outputs[0].value as ModelVersion
        }
        const [whole, parted] = [stageIn('whole'), stageIn('parted')]
        const one = await whole.open(0)
        const expected = [0, 1, 2].map(step => learn(whole, one, step))
        const before = await parted.open(0)
        for (const step of [0, 1]) assert.deepEqual(learn(parted, before, step), expected[step])
        // it falls with a step that was not accepted, or, of who publishes less often, with one of which nothing was published
        const { outputs } = take(parted, before, 2, 2500)
        assert.equal(outputs.length, /^(ppo|a3c)$/.test(config.policies[0].algorithm) ? 1 : 0)
        await before.close!()
        const after = await parted.open(0)
        parted.fold(
          after,
          [],
          expected.slice(0, 2).map(value => ({ key: 'default', value })),
          { timeMs: 0, watermarkMs: 0 },
        )
        assert.deepEqual(learn(parted, after, 2), expected[2])
        await Promise.all([one, after].map(state => state.close!()))
      })
})
