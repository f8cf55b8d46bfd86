/** Versions of items go when no decision that names them can be learned any more, and never earlier. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemFeatures } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { FeedloopError } from '../../src/errors.ts'
import { createFeatureStore } from '../../src/features/store.ts'
import { createVersions, versionKeptMs } from '../../src/features/versions.ts'
import type { Log } from '../../src/log/log.ts'
import { all, bus, item, prefix, put, start, until } from './bus.ts'

const DAY_MS = 86_400_000

test('a version is kept for the retention of what was decided and the longest correction window after', () => {
  assert.equal(versionKeptMs(parseConfig({})), 14 * DAY_MS)
  const policies = [{ name: 'a', correctionWindowMs: 2 * DAY_MS }, { name: 'b' }]
  assert.equal(versionKeptMs(parseConfig({ policies, topics: { retentionHours: 30 * 24 } })), 37 * DAY_MS)
})

const superseded = (records: readonly (readonly [key: string, timeMs: number, loggedMs: number])[], ms: number) => {
  const versions = createVersions()
  for (const [key, timeMs, loggedMs] of records) versions.put({ id: key[0], key, timeMs, loggedMs })
  return versions.supersededBefore(ms).map(({ key }) => key)
}

test('what counts is when another version took over, by the clock of the log', () => {
  const log = [
    ['a@1', 1, 100],
    ['b@1', 1, 100],
    ['a@2', 2, 200],
    ['a@2', 3, 300],
  ] as const
  assert.deepEqual(superseded(log, 200), [])
  assert.deepEqual(superseded(log, 201), ['a@1'])
  assert.deepEqual(superseded(log, 1000), ['a@1'], 'the current version never')
})

test('a version that is current again is not old, and the one between is', () => {
  const log = [
    ['a@1', 1, 100],
    ['a@2', 2, 200],
    ['a@1', 3, 300],
  ] as const
  assert.deepEqual(superseded(log, 300), [])
  assert.deepEqual(superseded(log, 301), ['a@2'])
})

test('an older state that the log took later does not take over', () => {
  const log = [
    ['a@2', 2, 100],
    ['a@1', 1, 200],
  ] as const
  assert.deepEqual(superseded(log, 201), ['a@1'])
})

test('where the current version was deleted, those before it stay: one of them may serve again', () => {
  const versions = createVersions()
  versions.put({ id: 'a', key: 'a@1', timeMs: 1, loggedMs: 100 })
  versions.put({ id: 'a', key: 'a@2', timeMs: 2, loggedMs: 200 })
  versions.drop('a', 'a@2')
  assert.deepEqual(versions.supersededBefore(1000), [])
})

const keptMs = versionKeptMs(parseConfig({}))
const features = (at: Awaited<ReturnType<typeof bus>>, count: number) =>
  until(
    () => all<ItemFeatures>(at, 'features'),
    found => found.length >= count,
  )
const of = (found: readonly { key: string; value: ItemFeatures | null }[]) => {
  const store = createFeatureStore()
  for (const { key, value } of found) value ? store.put(value) : store.drop(key)
  return store
}

test('the stage deletes old versions, also those from before its start, and readers drop them', async () => {
  const at = await bus()
  const first = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  const [old] = await features(at, 1)
  await put(at, 'items', 'a', item('a', 'two', 11))
  const [, current] = await features(at, 2)
  await first.running.stop()

  const tooEarly = await start(at, {}, { now: () => Date.now() + keptMs - 60_000 })
  await put(at, 'items', 'b', item('b', 'one', 10))
  await features(at, 3)
  await tooEarly.running.stop()
  assert.equal((await all(at, 'features')).length, 3)

  const inTime = await start(at, {}, { now: () => Date.now() + keptMs + 60_000 })
  const found = await features(at, 4)
  await inTime.running.stop()
  assert.deepEqual([found[3].key, found[3].value], [old.key, null])
  const store = of(found)
  assert.equal(store.vector('a', old.value!.feature_version), undefined)
  assert.equal(store.current('a')?.featureVersion, current.value!.feature_version)
  assert.deepEqual(store.availableItems(), ['a', 'b'])
})

test('who is no member any more deletes nothing', async () => {
  const at = await bus()
  const first = await start(at)
  for (const [i, text] of ['one', 'two'].entries()) {
    await put(at, 'items', 'a', item('a', text, 10 + i))
    await features(at, i + 1)
  }
  await first.running.stop()
  let commits = 0
  const join: Log['join'] = async (...args) => ({
    ...(await at.log.join(...args)),
    commit: async () => {
      commits++
      throw new FeedloopError('LOG_UNAVAILABLE', 'no member')
    },
  })
  const outdated = await start({ ...at, log: { ...at.log, join } }, {}, { now: () => Date.now() + keptMs + 60_000 })
  await until(
    async () => commits,
    count => count >= 3,
  )
  await outdated.running.stop()
  assert.equal((await all(at, 'features')).length, 2)
})

test('a current version that somebody else deleted is published again', async () => {
  const at = await bus()
  let aheadMs = 0
  const { running } = await start(at, {}, { now: () => Date.now() + aheadMs })
  await put(at, 'items', 'a', item('a', 'one', 10))
  const [made] = await features(at, 1)
  const committed = () => at.log.committed(`${prefix}features-items`, `${prefix}items`)
  await until(committed, positions => positions[0]?.offset === 1)
  await put(at, 'features', made.key, null)
  aheadMs = 3_600_000
  const found = await features(at, 3)
  await running.stop()
  assert.deepEqual(found[2], made)
})
