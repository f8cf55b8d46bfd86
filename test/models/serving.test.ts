import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Release } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { createLinearLearner } from '../../src/learner/linear/learner.ts'
import { createServing } from '../../src/models/serving.ts'
import { plainFeatures, publish } from '../learner/examples.ts'

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
  shares: Object.entries(shares).map(([model_version, share]) => ({ model_version, share })),
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
    assert.deepEqual(serving.serving('no such', 'u'), { policy: null, releaseVersion: '', mode: 'online' })
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
