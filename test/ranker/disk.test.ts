/** The ranker's state on disk: whatever happens to a process or a file, recovery gives the state that the topics give. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killAtAnyPoint, work } from '../state/killed.ts'
import { chain, dump, openWorld, type World } from './disk-world.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedloop-ranker-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Recovers from the disk and from the topics, and compares. Returns what was on disk before. */
async function recoversAlike(world: World) {
  const fromDisk = await world.recover('disk')
  const { openedAt } = fromDisk.state
  const fromTopics = await world.recover('topics')
  assert.deepEqual(dump(fromDisk.state), dump(fromTopics.state))
  const { people, sessions, decided } = fromDisk.state.tables
  assert.ok(people.size > 0 && sessions.size > 0 && decided.size > 0)
  assert.deepEqual(fromDisk.header, fromTopics.header)
  await fromDisk.close()
  await fromTopics.close()
  return openedAt
}

test('killed at any point, 20 times over', { timeout: 240_000 }, async () => {
  const child = fileURLToPath(new URL('disk-child.ts', import.meta.url))
  let kept = 0
  await killAtAnyPoint([child, folder, 'disk'], { times: 20, withinMs: 300, every: 4 }, async () => {
    const world = await openWorld(folder)
    if (await recoversAlike(world)) kept++
    assert.equal(await world.dropped(), '')
    await world.log.close()
  })
  assert.ok(kept > 0, 'some recovery began from the disk')
})

test('a state that is stopped well holds the last accepted step', async () => {
  const world = await openWorld(folder)
  await work(world, 20)
  const { latest } = await world.log.ends(chain, 0)
  const openedAt = await recoversAlike(world)
  assert.equal(openedAt!.head.offset + openedAt!.header.count, latest)
  await world.log.close()
})

test('an older state, of a partition that was elsewhere meanwhile, is brought forward', async () => {
  const world = await openWorld(folder)
  await work(world, 10)
  await cp(join(folder, 'state'), join(folder, 'kept'), { recursive: true })
  await work(world, 10)
  await rm(join(folder, 'state'), { recursive: true })
  await cp(join(folder, 'kept'), join(folder, 'state'), { recursive: true })
  const openedAt = await recoversAlike(world)
  const { latest } = await world.log.ends(chain, 0)
  assert.ok(openedAt!.head.offset + openedAt!.header.count < latest)
  assert.equal(await world.dropped(), '')
  await world.log.close()
})

test('a state of another log is dropped', async () => {
  const other = await openWorld(join(folder, 'other'))
  await work(other, 10)
  await other.log.close()
  const world = await openWorld(folder)
  await work(world, 10)
  await rm(join(folder, 'state'), { recursive: true })
  await cp(join(folder, 'other', 'state'), join(folder, 'state'), { recursive: true })
  await recoversAlike(world)
  assert.match(await world.dropped(), /not_in_chain"} 1$/)
  await world.log.close()
})
