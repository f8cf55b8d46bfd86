/** The loop stands still for longer than decisions are kept: what the ranker knows of people is not lost with them. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { UserSnapshot } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { committedOf } from '../../src/log/chain/progress.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { realRim } from '../../src/log/chain/rim.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { Session } from '../../src/log/chain/session.ts'
import type { Log } from '../../src/log/log.ts'
import { containedAt, snapshotOf } from '../../src/ranker/snapshot.ts'
import type { RankerState } from '../../src/ranker/state.ts'
import { LAST_KEY } from '../../src/state/table.ts'
import { work as feed } from '../state/killed.ts'
import { chain, openWorld, type World } from './disk-world.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedloop-standstill-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const work = (world: World, appends: number, restMs = 1500) => feed(world, appends, 20, restMs)

async function read({ state, writer, header, close }: Session<RankerState>) {
  const people = [...state.tables.people.range('', LAST_KEY)]
  const { openedAt } = state
  await close()
  return { people, openedAt, head: writer.head, header }
}
/** From a log that takes nothing: who only looks must not move the floor. */
const recovered = async (world: World, where: 'snapshots' | 'both' = 'snapshots') => {
  const refuse = async () => Promise.reject(new FeedloopError('LOG_UNAVAILABLE', 'only read'))
  return read(await world.recoverOn({ ...world.log, append: refuse }, where))
}

async function expire(world: World, topics: readonly string[], keep = 0): Promise<void> {
  for (const topic of topics) {
    const { latest } = await world.log.ends(topic, 0)
    world.log.truncateFront(topic, 0, latest - keep)
  }
}
/** With what the group knows. */
function recoverFrom(world: World, log: Log, { head, header }: Awaited<ReturnType<typeof read>>) {
  const kept = committedOf('w.', { baseOffset: head!.offset, header: header! })
  const knowing = { ...log, committed: async (_: string, topic: string) => kept.filter(each => each.topic === topic) }
  const io = { log: knowing, rim: realRim(Date.now), rules: chainRules }
  const options = { ...world.optionsOn('snapshots', knowing), group: 'ranker' }
  return recover({ options, io, squeeze: { records: 50, time: 1 }, notify: () => {} })
}
async function isVoided({ log, wire }: World): Promise<boolean> {
  const { latest } = await log.ends('w.snapshots', 0)
  for (let offset = 0; offset < latest; )
    for (const { key, value, offset: at } of await log.read('w.snapshots', 0, offset)) {
      offset = at + 1
      if (key?.length === 0 && (wire.decode('snapshots', value!) as UserSnapshot).floor!.point === null) return true
    }
  return false
}

for (const where of ['snapshots', 'both'] as const)
  test(`all decisions and events are gone: people are known by ${where}, and the loop goes on`, {
    timeout: 60_000,
  }, async () => {
    const world = await openWorld(folder, where)
    await work(world, 20)
    const before = await recovered(world, where)
    assert.ok(before.people.length > 0)
    await expire(world, [chain, 'w.events', 'w.requests'])
    const after = await recovered(world, where)
    assert.deepEqual(after.people, before.people)
    assert.deepEqual(after.head, before.head)
    assert.equal(await isVoided(world), false)
    await work(world, 5)
    const later = await recovered(world, where)
    assert.ok(later.head!.offset > before.head!.offset)
    assert.ok(later.people.length >= before.people.length)
    await world.log.close()
  })

test('steps after the floor are gone: what people did meanwhile is taken from the events', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const { openedAt } = await recovered(world)
  await feed({ ...world, options: world.optionsFor('topics') }, 20, 20, 200)
  const before = await recovered(world)
  assert.deepEqual(before.openedAt, openedAt, 'nothing was saved meanwhile')
  await expire(world, [chain], 40)
  const after = await recovered(world)
  assert.deepEqual(after.openedAt, openedAt)
  assert.deepEqual(after.people, before.people)
  assert.deepEqual(after.header, before.header)
  assert.equal(await isVoided(world), false)
  await world.log.close()
})

test('all steps after the floor are gone, and what stands where is known by the group alone', {
  timeout: 60_000,
}, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  await feed({ ...world, options: world.optionsFor('topics') }, 20, 20, 200)
  const before = await recovered(world)
  const { log } = world
  await expire(world, [chain])
  await assert.rejects(recovered(world), /CHAIN_NO_ANCHOR/)
  const after = await read(await recoverFrom(world, log, before))
  assert.deepEqual(after.people, before.people)
  assert.deepEqual(after.head, before.head)
  assert.equal(await isVoided(world), false)
  await log.close()
})

for (const lags of [true, false])
  test(`a snapshot of a step of which nothing is left, ${lags ? 'and the group lags behind it' : 'which the group knows'}`, {
    timeout: 60_000,
  }, async () => {
    const world = await openWorld(folder, 'snapshots')
    const { log, wire } = world
    const unsaved = { ...world, options: world.optionsFor('topics') }
    await work(world, 20)
    await feed(unsaved, 10, 20, 200)
    const middle = await recovered(world)
    await feed(unsaved, 10, 20, 200)
    const end = await recovered(world)
    const { state, close } = await recoverFrom(world, log, end)
    const [userId] = [...state.tables.people.range('', LAST_KEY)][0]!
    const snapshot = snapshotOf(state.tables, userId, containedAt({ head: end.head!, header: end.header! }))
    await close()
    await log.append('w.snapshots', 0, [{ key: Buffer.from(userId), value: wire.encode('snapshots', snapshot) }])
    await expire(world, [chain])
    const refuse = async () => Promise.reject(new FeedloopError('LOG_UNAVAILABLE', 'only read'))
    const found = recoverFrom(world, { ...log, append: refuse }, lags ? middle : end)
    if (lags) await assert.rejects(found, /CHAIN_NO_ANCHOR.*later steps/)
    else assert.deepEqual((await read(await found)).people, end.people)
    assert.equal(await isVoided(world), false)
    await log.close()
  })

test('a log that ends before the floor’s step contradicts it', { timeout: 60_000 }, async () => {
  const world = await openWorld(folder, 'snapshots')
  await work(world, 20)
  const { openedAt } = await recovered(world)
  world.log.truncateTail(chain, 0, openedAt!.head.offset)
  world.log.truncateFront(chain, 0, openedAt!.head.offset)
  await assert.rejects(world.recover('snapshots'), /CHAIN_NO_ANCHOR/)
  assert.equal(await isVoided(world), true)
  await world.log.close()
})
