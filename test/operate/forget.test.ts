import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FeedloopError } from '../../src/errors.ts'
import { audit } from '../../src/evaluation/audit.ts'
import { encodeHeader, STEP_HEADER, type StepHeader } from '../../src/log/chain/header.ts'
import { partitionFor } from '../../src/log/partition.ts'
import { forgetUser } from '../../src/operate/forget.ts'
import { type LocalStateOptions, localState } from '../../src/operate/local-state.ts'
import { type TopicName, topicName } from '../../src/pipeline.ts'
import { rankerCodecs, rankerVersion } from '../../src/ranker/layout.ts'
import type { Table } from '../../src/state/table.ts'
import { joinerCodecs, joinerVersion } from '../../src/transitions/codec.ts'
import { did, type Live, openLive, profile, publishItems, request } from './live.ts'

/** The newest record of a key. */
async function newest({ context: { log, config } }: Live, topic: TopicName, key: string) {
  const name = topicName(config.topics.prefix, topic)
  const records = await log.read(name, partitionFor(key, await log.partitionCount(name)), 0)
  return records.findLast(record => record.key?.toString() === key)
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'feedloop-forget-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Every row of a stage's tables on disk, keys and values. */
async function rowsOnDisk<T extends object>({ context }: Live, options: LocalStateOptions<T>): Promise<string> {
  const open = localState(context, options)!
  let rows = ''
  for (let partition = 0; partition < context.config.topics.partitions; partition++) {
    const { tables, close } = await open(partition)
    for (const table of Object.values<Table<unknown>>(tables)) rows += JSON.stringify([...table.range('', LAST_KEY)])
    await close()
  }
  return rows
}
const joinersRows = (loop: Live) =>
  rowsOnDisk(loop, { stage: 'joiner', version: joinerVersion(loop.context.config), codecs: joinerCodecs })
const rankersRows = (loop: Live) => rowsOnDisk(loop, { stage: 'ranker', version: rankerVersion, codecs: rankerCodecs })
const LAST_KEY = '\u{10ffff}'

test('a user is forgotten while the services run, and again by a rebuild; the audit balances', {
  timeout: 90_000,
}, async t => {
  await forgetsAnna(await openLive(t))
})

test('from local state too: no row on disk names the user after it', { timeout: 90_000 }, async t => {
  const loop = await openLive(t, { state: { folder: await temporary(t) } })
  await forgetsAnna(loop, {
    async asked() {
      await loop.stop()
      for (const rows of [joinersRows, rankersRows]) assert.match(await rows(loop), /anna/)
      await loop.start()
    },
    async forgotten() {
      await loop.stop()
      for (const rows of [joinersRows, rankersRows]) {
        assert.doesNotMatch(await rows(loop), /anna/)
        assert.match(await rows(loop), /bert/)
      }
      await loop.start()
    },
  })
  assert.doesNotMatch(await loop.context.meter.registry.metrics(), /^feedloop_state_dropped_total\{/m)
})

interface Moments {
  readonly asked?: () => Promise<void>
  readonly forgotten?: () => Promise<void>
}

async function forgetsAnna(loop: Live, { asked: whenAsked, forgotten }: Moments = {}): Promise<void> {
  await publishItems(loop, ['a', 'b'])
  await loop.start()
  for (const user of ['anna', 'bert']) {
    await loop.append('users', user, profile(user))
    await loop.append('events', user, did(user, 'view', { item_id: 'a' }))
  }
  await loop.settled()
  const asked = { slots: 2, candidates: ['a', 'b'] }
  for (const user of ['anna', 'bert']) await loop.append('requests', user, request(user, asked))
  await loop.settled()
  const before = await loop.decisions()
  assert.equal(before.length, 2)
  for (const { state, decision_id, user_id } of before) {
    assert.deepEqual([state.history.length, state.profile !== null], [1, true])
    await loop.append('events', user_id, did(user_id, 'click', { decision_id, item_id: 'a' }))
  }
  await loop.settled()
  await whenAsked?.()

  const { partition, events } = await forgetUser(loop.context, 'anna', 60_000)
  assert.equal(partition, partitionFor('anna', 2))
  assert.ok(events[0] < events[1])
  for (const topic of ['users', 'profiles'] as const) {
    assert.equal((await newest(loop, topic, 'anna'))?.value, null, topic)
    assert.notEqual((await newest(loop, topic, 'bert'))?.value, null, topic)
  }
  await forgotten?.()
  const latest = async () => {
    const known = new Set((await loop.decisions()).map(each => each.decision_id))
    for (const user of ['anna', 'bert']) await loop.append('requests', user, request(user, asked))
    await loop.settled()
    const fresh = (await loop.decisions()).filter(each => !known.has(each.decision_id))
    return fresh
      .toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1))
      .map(({ state, previous_decision_id }) => [
        state.history.length,
        state.profile !== null,
        previous_decision_id !== null,
      ])
  }
  assert.deepEqual(await latest(), [
    [0, false, false],
    [2, true, true],
  ])

  await loop.stop()
  await loop.start()
  assert.deepEqual(await latest(), [
    [0, false, true],
    [2, true, true],
  ])
  const report = await audit({ ...loop.context, prefix: loop.context.config.topics.prefix })
  assert.deepEqual(report.differences, [])
}

test('without services it says who is awaited, and may be called again', { timeout: 60_000 }, async t => {
  const loop = await openLive(t)
  await publishItems(loop, ['a'])
  await assert.rejects(forgetUser(loop.context, 'anna', 300), { code: 'DEADLINE_EXCEEDED', message: /ranker/ })
  await loop.start()
  await forgetUser(loop.context, 'anna', 30_000)
})

test('a log that takes nothing ends it by its deadline', { timeout: 20_000 }, async t => {
  const { context } = await openLive(t)
  const append: typeof context.log.append = async () => {
    throw new FeedloopError('LOG_UNAVAILABLE', 'away')
  }
  const erased = forgetUser({ ...context, log: { ...context.log, append } }, 'anna', 300)
  await assert.rejects(erased, { code: 'DEADLINE_EXCEEDED', message: /users: LOG_UNAVAILABLE: away/ })
})

test('a batch that lost its race at the end of the decisions is not waited for', { timeout: 60_000 }, async t => {
  const loop = await openLive(t)
  await publishItems(loop, ['a'])
  await loop.start()
  await loop.append('requests', 'anna', request('anna', { candidates: ['a'] }))
  await loop.settled()
  const { log, config } = loop.context
  const decisions = topicName(config.topics.prefix, 'recommendations')
  const loses: StepHeader = {
    version: 1,
    id: 'ffffffffffffffff',
    prev: null,
    epoch: 0,
    inputs: [],
    tick: { timeMs: 1, watermarkMs: 1 },
    count: 1,
    outputs: 0,
    partitions: 2,
  }
  let lost = 0
  /** Someone who believes that the partition is empty writes just before its end is looked at. */
  const ends: typeof log.ends = async (topic, partition) => {
    if (topic === decisions && lost++ === 0)
      await log.append(topic, partition, [{ key: null, value: null, headers: { [STEP_HEADER]: encodeHeader(loses) } }])
    return log.ends(topic, partition)
  }
  await forgetUser({ ...loop.context, log: { ...log, ends } }, 'anna', 20_000)
  assert.ok(lost > 0)
})
