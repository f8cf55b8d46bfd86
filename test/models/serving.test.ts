import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { createServing } from '../../src/models/serving.ts'
import { exampleOf, plainFeatures, publish } from '../learner/examples.ts'

const learner = createLinearLearner({
  ...plainFeatures(2),
  priorPrecision: 1,
  maxItems: 9,
  halfLifeMs: 0,
  maxCheckpointBytes: 1 << 20,
})
const model = (version: string) => publish(learner, version, true)
const release = (release_version: string, shares: Record<string, number>): Release => ({
  release_version,
  policy: 'default',
  time_ms: 0,
  shares: Object.entries(shares).map(([model_version, share]) => ({ model_version, share, follows: true })),
  mode: 'online',
  reason: 'promoted',
  refused_version: null,
  evidence: {},
})
const start = () => createServing(parseConfig({}))
const now = (serving: ReturnType<typeof start>, user = 'u') => {
  const { policy, releaseVersion } = serving.serving('default', user)
  return [policy?.version ?? null, releaseVersion]
}

describe('serving', () => {
  test('the initial policy before the first release and for unknown policies', () => {
    const serving = start()
    serving.putModel(model('1'))
    assert.deepEqual(now(serving), [null, ''])
    assert.deepEqual(serving.serving('no such', 'u'), {
      policy: null,
      releaseVersion: '',
      mode: 'online',
      evidence: {},
    })
  })

  test('who answers, the largest share first: no matter to whom a hash gives nobody', () => {
    const serving = start()
    assert.deepEqual(serving.answering('default'), [null])
    for (const version of ['1', '2']) serving.putModel(model(version))
    serving.putRelease(release('r1', { '': 0.05, '2': 0.15, '1': 0.8, '0': 0 }))
    serving.forsake('default', '0')
    const versions = () => serving.answering('default').map(policy => policy?.version ?? '')
    assert.deepEqual(versions(), ['1', '2', ''])
    serving.putRelease(release('r2', { '0': 0.6, '2': 0.3, '1': 0.1 }))
    assert.deepEqual(versions(), ['2', '1'], 'what is not to be had any more does not answer')
    serving.putRelease(release('r3', { '0': 1 }))
    assert.deepEqual(versions(), [''])
  })

  test('a release waits for its version; until then the one before serves', () => {
    const serving = start()
    serving.putModel(model('1'))
    serving.putRelease(release('r1', { '1': 1 }))
    serving.putRelease(release('r2', { '2': 1 }))
    assert.deepEqual(now(serving), ['1', 'r1'])
    serving.putRelease(release('r3', { '3': 1 }))
    serving.putModel(model('2'))
    assert.deepEqual(now(serving), ['2', 'r2'])
    serving.putModel(model('3'))
    assert.deepEqual(now(serving), ['3', 'r3'])
  })

  test('taken over in pieces, a version serves after the last of them and the one before until then', () => {
    const serving = start()
    serving.putModel(model('1'))
    serving.putRelease(release('r1', { '1': 1 }))
    serving.putRelease(release('r2', { '2': 1 }))
    const taken = createLinearLearner({
      ...plainFeatures(2),
      priorPrecision: 1,
      maxItems: 9,
      halfLifeMs: 0,
      maxCheckpointBytes: 1 << 20,
    })
    taken.learn(['a', 'b'].map(item => exampleOf(Float64Array.of(1, 1), { action: [item] })))
    const pieces = serving.takeOver(publish(taken, '2', true))
    for (let count = 0; !pieces.next().done; count++) {
      assert.deepEqual(now(serving), ['1', 'r1'])
      assert.ok(count < 100)
    }
    assert.deepEqual(now(serving), ['2', 'r2'])
  })

  test('releases read long before their models, and the other way round', () => {
    for (const order of ['releases first', 'models first']) {
      const serving = start()
      const versions = Array.from({ length: 200 }, (_, i) => String(i + 1))
      const releases = () => {
        for (const version of versions) serving.putRelease(release(`r${version}`, { [version]: 1 }))
      }
      const models = () => {
        for (const version of versions) serving.putModel(model(version))
      }
      for (const put of order === 'releases first' ? [releases, models] : [models, releases]) put()
      assert.deepEqual(now(serving), ['200', 'r200'], order)
    }
  })

  test('a version that does not load is counted and the last good one serves on', () => {
    const serving = start()
    serving.putModel(model('1'))
    serving.putRelease(release('r1', { '1': 1 }))
    serving.putModel({ ...model('2'), algorithm: 'other' })
    serving.putRelease(release('r2', { '2': 1 }))
    assert.deepEqual(now(serving), ['1', 'r1'])
    assert.deepEqual([...serving.refusals], [['MODEL_INCOMPATIBLE', 1]])
  })

  test('an order for a version from long ago: it is told to be lacking, and serves once it is brought', () => {
    const serving = start()
    for (let i = 101; i <= 300; i++) {
      serving.putModel(model(String(i)))
      serving.putRelease(release(`r${i}`, { [i]: 1 }))
    }
    serving.putRelease(release('manual', { '101': 0.5, '300': 0.5 }))
    assert.deepEqual([serving.lacks('default'), now(serving)[1]], [['101'], 'r300'])
    serving.putRelease(release('next', { '101': 0.5, '301': 0.5 }))
    assert.deepEqual(serving.lacks('default'), ['101'], '301 is still to come')
    serving.putModel(model('101'))
    assert.deepEqual([serving.lacks('default'), now(serving)[1]], [[], 'manual'])
    serving.putModel(model('301'))
    assert.equal(now(serving)[1], 'next')
  })

  test('a version that is nowhere any more: its users get what the others get', () => {
    const serving = start()
    for (const version of ['200', '201']) serving.putModel(model(version))
    serving.putRelease(release('r', { '101': 0.5, '200': 0.5 }))
    assert.deepEqual([serving.lacks('default'), now(serving)[0]], [['101'], null])
    serving.forsake('default', '101')
    assert.deepEqual(serving.lacks('default'), [])
    for (let i = 0; i < 50; i++) assert.deepEqual(now(serving, `u${i}`), ['200', 'r'])
    serving.putRelease(release('all of it', { '101': 1 }))
    assert.deepEqual(now(serving), [null, 'all of it'], 'the initial policy')
  })

  test('before the first release the mode is the configured one, after it the last release says', () => {
    const serving = createServing(parseConfig({ policies: [{ mode: 'apprentice' }] }))
    assert.equal(serving.serving('default', 'u').mode, 'apprentice')
    serving.putRelease({ ...release('r1', { '': 1 }), mode: 'logging_only' })
    assert.equal(serving.serving('default', 'u').mode, 'logging_only')
  })

  describe('traffic shares', () => {
    const users = Array.from({ length: 20_000 }, (_, i) => `user${i}`)
    const served = (shares: Record<string, number>, name = 'default') => {
      const serving = createServing(parseConfig({ policies: [{ name: 'default' }, { name: 'other' }] }))
      for (const version of Object.keys(shares).filter(Boolean))
        for (const policy of ['default', 'other']) serving.putModel({ ...model(version), policy })
      for (const policy of ['default', 'other']) serving.putRelease({ ...release('r', shares), policy })
      return users.map(user => serving.serving(name, user).policy?.version ?? '')
    }
    const counts = (all: readonly string[]) =>
      Object.values(Object.groupBy(all, each => each)).map(each => each!.length)

    test('are met: chi-square over 20,000 users', () => {
      const shares = [0.5, 0.3, 0.15, 0.05]
      const found = served(Object.fromEntries(shares.map((share, i) => [String(i + 1), share])))
      const square = shares.reduce((sum, share, i) => {
        const count = found.filter(version => version === String(i + 1)).length
        return sum + (count - users.length * share) ** 2 / (users.length * share)
      }, 0)
      assert.ok(square < 21.1, `${square}: p < 1e-4 with 3 degrees of freedom`)
    })

    test('a share that grows takes users over and gives none away', () => {
      const before = served({ '1': 0.25, '2': 0.75 })
      const after = served({ '1': 0.5, '2': 0.5 })
      const moved = users.filter((_, i) => before[i] !== after[i])
      assert.ok(Math.abs(moved.length / users.length - 0.25) < 0.02)
      assert.ok(users.every((_, i) => before[i] !== '1' || after[i] === '1'))
    })

    test('of two policies are independent of each other: the salt is the policy', () => {
      const other = served({ '1': 0.5, '2': 0.5 }, 'other')
      const pairs = served({ '1': 0.5, '2': 0.5 }).map((version, i) => version + other[i])
      assert.ok(
        counts(pairs).every(count => Math.abs(count / users.length - 0.25) < 0.02),
        String(counts(pairs)),
      )
    })
  })

  test('shares split the users by hash, and a user stays', () => {
    const serving = start()
    serving.putModel(model('1'))
    serving.putRelease(release('r1', { '1': 0.25, '': 0.75 }))
    const users = Array.from({ length: 4000 }, (_, i) => `user${i}`)
    const served = users.filter(user => now(serving, user)[0] === '1')
    assert.ok(Math.abs(served.length / 4000 - 0.25) < 0.03, String(served.length))
    assert.deepEqual(
      users.filter(user => now(serving, user)[0] === '1'),
      served,
    )
  })
})
