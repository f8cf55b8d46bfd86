/** Snapshots of users: whoever takes a partition over has the state that its last owner had, and believes nothing else. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { UserSnapshot } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { forgetEvent } from '../../src/events/forget.ts'
import { startTask } from '../../src/log/chain/task.ts'
import type { Log, LogRecord } from '../../src/log/log.ts'
import type { RankerState } from '../../src/ranker/state.ts'
import { LAST_KEY } from '../../src/state/table.ts'
import { work as feed, killAtAnyPoint } from '../state/killed.ts'
import { chain, openWorld, type World } from './disk-world.ts'

const TOPIC = 'w.snapshots'
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedloop-snapshots-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** What decisions are made of. How ids are kept in pages is not. */
const known = ({ tables: { people, sessions, decided } }: RankerState) => ({
  people: [...people.range('', LAST_KEY)],
  sessions: [...sessions.range('', LAST_KEY)],
  decided: [...decided.range('', LAST_KEY)],
})

async function stateFrom(world: World, where: 'snapshots' | 'topics' | 'both', log: Log = world.log) {
  const session = await world.recoverOn(log, where)
  const { openedAt } = session.state
  const state = known(session.state)
  await session.close()
  return { state, openedAt, header: session.header }
}

/** Recovers from the snapshots and from the topics, and compares. Returns the step that the snapshots began with. */
async function recoversAlike(world: World) {
  const topics = await stateFrom(world, 'topics')
  const snapshots = await stateFrom(world, 'snapshots')
  const { decided, ...state } = topics.state
  const { decided: has, ...other } = snapshots.state
  assert.deepEqual(other, state)
  // Ids that are too old may be there still in one and not in the other.
  const newest = Math.max(...decided.map(([, timeMs]) => timeMs))
  const lately = (ids: typeof decided) => ids.filter(([, timeMs]) => timeMs >= newest - 300)
  assert.deepEqual(lately(has), lately(decided))
  assert.ok(state.people.length > 0 && state.sessions.length > 0 && decided.length > 0)
  assert.deepEqual(snapshots.header, topics.header)
  return snapshots.openedAt
}

/** Decides what was appended, and writes snapshots. */
const work = (world: World, appends: number, restMs = 1500) => feed(world, appends, 20, restMs)

async function all({ log, wire }: World): Promise<(LogRecord & { snapshot: UserSnapshot | null })[]> {
  const { latest } = await log.ends(TOPIC, 0)
  const records: (LogRecord & { snapshot: UserSnapshot | null })[] = []
  while (records.length < latest)
    for (const record of await log.read(TOPIC, 0, records.length))
      records.push({ ...record, snapshot: record.value && (wire.decode('snapshots', record.value) as UserSnapshot) })
  return records
}
const newestOf = async (world: World, key: string) =>
  (await all(world)).findLast(record => record.key?.toString() === key)

test('a machine without the state takes it from the snapshots and the steps after them', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const openedAt = await recoversAlike(world)
  assert.ok(openedAt!.head.offset > 0)
  await work(world, 5, 0)
  assert.ok((await recoversAlike(world))!.head.offset >= openedAt!.head.offset)
  await world.log.close()
})

test('killed at any point, 12 times over', { timeout: 240_000 }, async () => {
  const child = fileURLToPath(new URL('disk-child.ts', import.meta.url))
  let kept = 0
  const kills = { times: 12, withinMs: 2500, every: 3 }
  await killAtAnyPoint([child, folder, 'snapshots'], kills, async () => {
    const world = await openWorld(folder)
    if (await recoversAlike(world)) kept++
    await world.log.close()
  })
  assert.ok(kept > 0, 'some recovery began from snapshots')
})

/** A log whose retention has removed what is before these offsets. */
const cut = (log: Log, first: Readonly<Record<string, number>>): Log => ({
  ...log,
  async ends(topic, partition) {
    const { earliest, latest } = await log.ends(topic, partition)
    return { earliest: Math.max(earliest, first[topic] ?? 0), latest }
  },
  async read(topic, partition, offset, options) {
    if (offset < (first[topic] ?? 0)) throw new FeedloopError('OFFSET_OUT_OF_RANGE', `${topic} at ${offset}`)
    return log.read(topic, partition, offset, options)
  },
})

test('what retention has let go of is still known', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const { state, openedAt } = await stateFrom(world, 'snapshots')
  const { head, header } = openedAt!
  const next = (topic: string) => header.inputs.find(input => input.topic === topic)!.next
  const first = { 'w.events': next('events'), 'w.requests': next('requests'), [chain]: header.prev!.offset }
  const later = cut(world.log, first)
  assert.deepEqual((await stateFrom(world, 'snapshots', later)).state.people, state.people)
  const forgetful = await stateFrom(world, 'topics', later)
  assert.notDeepEqual(forgetful.state.people, state.people)
  assert.ok(head.offset > 0)
  await world.log.close()
})

test('on a disk that was elsewhere, and on one that is another log’s, the topic helps', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'both')
  await work(world, 15)
  const { state } = await stateFrom(world, 'topics')
  assert.deepEqual((await stateFrom(world, 'both')).state, state)
  const other = await openWorld(join(folder, 'other'), 'disk')
  await work(other, 5, 100)
  await other.log.close()
  await rm(join(folder, 'state'), { recursive: true })
  const { rename } = await import('node:fs/promises')
  await rename(join(folder, 'other', 'state'), join(folder, 'state'))
  const back = await stateFrom(world, 'both')
  assert.match(await world.dropped(), /not_in_chain"} 1$/)
  assert.deepEqual([back.state.people, back.state.sessions], [state.people, state.sessions])
  assert.ok(back.openedAt!.head.offset > 0, 'from the snapshots')
  await world.log.close()
})

test("a late rival's snapshot is passed over, and mended by who writes next", { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 10)
  const records = await all(world)
  const user = records.find(({ snapshot }) => snapshot && snapshot.user_id !== '')!
  const key = user.snapshot!.user_id
  await work(world, 10)
  assert.ok((await newestOf(world, key))!.snapshot!.contains!.offset > user.snapshot!.contains!.offset)
  await world.log.append(TOPIC, 0, [{ key: Buffer.from(key), value: user.value }])
  await recoversAlike(world)
  assert.deepEqual((await newestOf(world, key))!.value, user.value)

  await work(world, 1)
  const mended = await newestOf(world, key)
  assert.ok(mended!.snapshot!.contains!.offset > user.snapshot!.contains!.offset)
  await recoversAlike(world)
  await world.log.close()
})

test("a late rival's deletion is passed over, and mended by who writes next", { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 10)
  const { key, snapshot } = (await all(world)).find(each => each.snapshot && each.snapshot.user_id !== '')!
  await work(world, 10)
  const headers = { 'fl-contains': Buffer.from(JSON.stringify(snapshot!.contains)) }
  await world.log.append(TOPIC, 0, [{ key, value: null, headers }])
  await recoversAlike(world)
  await work(world, 1)
  assert.ok((await newestOf(world, key!.toString()))!.snapshot!.contains!.offset > snapshot!.contains!.offset)
  await recoversAlike(world)
  await world.log.close()
})

for (const where of ['snapshots', 'both'] as const)
  test(`the topic loses its end under a running owner with its state in ${where}: no floor stands over the hole`, {
    timeout: 60_000,
  }, async () => {
    const world = await openWorld(folder, where)
    await work(world, 10)
    const task = startTask(world.options)
    await task.ready
    await world.append(20)
    await sleep(1500)
    // Whoever changed last is not saved any more.
    world.log.truncateTail(TOPIC, 0, Math.floor((await world.log.ends(TOPIC, 0)).latest / 2))
    await world.append(1)
    await sleep(1500)
    await task.stop()
    const openedAt = await recoversAlike(world)
    assert.ok(openedAt!.head.offset > 0)
    await world.log.close()
  })

test('the topic loses its end while nobody runs, and the state on disk knows what it had saved', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'both')
  await work(world, 20)
  world.log.truncateTail(TOPIC, 0, Math.floor((await world.log.ends(TOPIC, 0)).latest / 2))
  await recoversAlike(world)
  await work(world, 1)
  const openedAt = await recoversAlike(world)
  const { latest } = await world.log.ends(chain, 0)
  assert.ok(openedAt!.head.offset > latest / 2, 'the floor is from after the loss')
  await world.log.close()
})

test('a state on disk from before there were snapshots is saved, whoever changes', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'disk')
  await work(world, 20, 100)
  await world.log.close()
  const later = await openWorld(folder, 'both')
  await work(later, 1)
  assert.ok((await recoversAlike(later))!.head.offset > 0)
  await later.log.close()
})

/** A log one record of which is garbage. */
const spoilt = (log: Log, topic: string, at: number): Log => ({
  ...log,
  read: async (name, partition, offset, options) =>
    (await log.read(name, partition, offset, options)).map(record =>
      name === topic && record.offset === at ? { ...record, value: Buffer.from('garbage') } : record,
    ),
})

test('of whom the snapshot is unreadable, only what came after is known, and it is counted', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const { state, openedAt } = await stateFrom(world, 'snapshots')
  const [user] = state.people[0]!
  const { offset } = (await newestOf(world, user))!
  const { state: found, openedAt: same } = await stateFrom(world, 'snapshots', spoilt(world.log, TOPIC, offset))
  assert.deepEqual(same, openedAt)
  assert.deepEqual(found.people, state.people.slice(1))
  assert.equal(await world.counted('feedloop_snapshots_unreadable_total'), 1)
  await world.log.close()
})

test('an unreadable snapshot that came after the floor hides nothing that the floor spoke of', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const { state } = await stateFrom(world, 'snapshots')
  await world.log.append(TOPIC, 0, [{ key: Buffer.from(state.people[0]![0]), value: Buffer.from('garbage') }])
  await recoversAlike(world)
  assert.ok((await world.counted('feedloop_snapshots_unreadable_total'))! > 0)
  await world.log.close()
})

test('an unreadable floor makes all void, and the topics are believed', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  await world.log.append(TOPIC, 0, [{ key: Buffer.from(''), value: Buffer.from('garbage') }])
  assert.equal(await recoversAlike(world), null)
  await work(world, 5)
  assert.ok((await recoversAlike(world))!.head.offset > 0, 'until it is written anew')
  await world.log.close()
})

test('killed while some on its disk are newer than the floor’s step, it begins anew', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 10, 500)
  const floor = await newestOf(world, '')
  await work(world, 10)
  // As true as it was, and now much is newer.
  await world.log.append(TOPIC, 0, [{ key: Buffer.from(''), value: floor!.value }])
  const filled = await world.optionsFor('both').stage.open(0)
  assert.ok(filled.openedAt!.head.offset > 0)
  await filled.close!()
  const disk = await world.optionsFor('disk').stage.open(0)
  assert.equal(disk.openedAt, null)
  await disk.close!()
  const { state } = await stateFrom(world, 'topics')
  assert.deepEqual((await stateFrom(world, 'both')).state.people, state.people)
  assert.deepEqual((await stateFrom(world, 'both')).state.people, state.people)
  await world.log.close()
})

test('a snapshot that names a step which the chain does not have makes all void, and the topics are believed', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 10)
  const before = await all(world)
  const last = before.findLast(({ snapshot }) => snapshot && snapshot.user_id !== '')!.snapshot!
  const { latest } = await world.log.ends(chain, 0)
  const next = Object.fromEntries(Object.keys(last.contains!.next).map(topic => [topic, 1e6]))
  const liar: UserSnapshot = {
    ...last,
    contains: { offset: latest + 5, id: 'ffffffffffffffff', next },
    counts: { lies: 1 },
  }
  const value = world.wire.encode('snapshots', liar)
  await world.log.append(TOPIC, 0, [{ key: Buffer.from(liar.user_id), value }])
  assert.equal(await recoversAlike(world), null)
  const void_ = (await newestOf(world, ''))!.snapshot!.floor!
  assert.equal(void_.point, null)
  assert.equal(await recoversAlike(world), null, 'and so it stays')
  await work(world, 5)
  assert.ok((await recoversAlike(world))!.head.offset > 0, 'until it is written anew')
  await world.log.close()
})

test('who is forgotten is a deletion in the topic', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 10)
  const key = (await all(world)).find(({ snapshot }) => snapshot && snapshot.user_id !== '')!.snapshot!.user_id
  const value = world.wire.encode('events', forgetEvent(key, 'f1', Date.now() + 1000))
  await world.log.append('w.events', 0, [{ key: Buffer.from(key), value }])
  const task = startTask(world.options)
  await task.ready
  await sleep(2500)
  await task.stop()
  const deletion = (await newestOf(world, key))!
  assert.equal(deletion.value, null)
  assert.ok(JSON.parse(deletion.headers['fl-contains']!.toString()).offset > 0, 'it says of which step')
  const { state } = await stateFrom(world, 'snapshots')
  assert.ok(!state.people.some(([id]) => id === key))
  await recoversAlike(world)
  await world.log.close()
})
