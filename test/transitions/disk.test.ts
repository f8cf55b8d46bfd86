/** The joiner's state on disk: whatever happens to a process or a file, recovery gives the state that the topics give. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { Recommendation } from '../../schemas/records.ts'
import { openDisk } from '../../src/state/disk.ts'
import { joinerCodecs } from '../../src/transitions/codec.ts'
import { decisionFields } from '../../src/transitions/decision.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { killAtAnyPoint, work } from '../state/killed.ts'
import { dump, openWorld, type World } from './disk-world.ts'
import { at, decision, input, makeConfig, outcome } from './make.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedloop-joiner-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Recovers from the disk and from the topics, and compares. Returns what was on disk before. */
async function recoversAlike(world: World) {
  const fromDisk = await world.recover('disk')
  const { openedAt } = fromDisk.state
  const fromTopics = await world.recover('topics')
  assert.deepEqual(dump(fromDisk.state), dump(fromTopics.state))
  for (const name of ['joins', 'seen', 'touches'] as const)
    assert.equal(fromDisk.state[name].size, fromTopics.state[name].size)
  assert.deepEqual(fromDisk.header, fromTopics.header)
  await fromDisk.close()
  await fromTopics.close()
  return openedAt
}

test('killed at any point, 20 times over', { timeout: 240_000 }, async () => {
  const child = fileURLToPath(new URL('disk-child.ts', import.meta.url))
  let kept = 0
  await killAtAnyPoint([child, folder], { times: 20, withinMs: 300, every: 4 }, async () => {
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
  const { latest } = await world.log.ends('w.transitions', 0)
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
  const { latest } = await world.log.ends('w.transitions', 0)
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

/** Puts the chain's topic back to what it was when `kept` was copied. The log must be closed. */
async function rollBack(kept: string): Promise<void> {
  const topics = await readdir(kept)
  const chain = topics.filter(name => name.includes('transitions'))
  assert.ok(chain.length > 0, topics.join())
  for (const name of chain) {
    await rm(join(folder, 'log', 'topics', name), { recursive: true })
    await cp(join(kept, name), join(folder, 'log', 'topics', name), { recursive: true })
  }
}

for (const grown of [false, true])
  test(`a state ahead of a chain that was rolled back${grown ? ' and grew again' : ''} is not trusted`, async () => {
    const world = await openWorld(folder)
    await work(world, 10)
    await world.log.close()
    await cp(join(folder, 'log', 'topics'), join(folder, 'kept'), { recursive: true })
    const later = await openWorld(folder)
    await work(later, 10)
    await later.log.close()
    await rollBack(join(folder, 'kept'))
    const back = await openWorld(folder)
    if (grown) {
      await rename(join(folder, 'state'), join(folder, 'ahead'))
      await work(back, 10)
      await rm(join(folder, 'state'), { recursive: true })
      await rename(join(folder, 'ahead'), join(folder, 'state'))
    }
    await recoversAlike(back)
    assert.match(await back.dropped(), /not_in_chain"} 1$/)
    await back.log.close()
  })

/** As the joiner's wire gives it. */
const narrowed = (value: Recommendation) =>
  Object.fromEntries(decisionFields.map(field => [field, value[field]])) as never as Recommendation

test('5,000 decisions and their outcomes leave the same on disk as on the heap, in a cache a hundred times smaller', {
  timeout: 60_000,
}, async () => {
  const config = makeConfig({ gamma: 0.9 })
  const disk = await openDisk({
    folder: join(folder, 'state'),
    version: '1',
    codecs: joinerCodecs,
    cacheBytes: 20_000,
    now: Date.now,
    dropped: reason => assert.fail(reason),
  })
  const onDisk = createJoiner(config, async () => disk)
  const onHeap = createJoiner(config)
  const states = [(await onDisk.open(0)) as JoinerState, (await onHeap.open(0)) as JoinerState]
  let made = 0
  for (let step = 0; step < 10; step++) {
    const inputs = Array.from({ length: 500 }, () => {
      const [id, user_id] = [`d${made}`, `u${made % 500}`]
      const late = `d${Math.floor(made / 2)}`
      made++
      const of = { user_id: `u${Math.floor((made - 1) / 2) % 500}`, event_id: `e${made}` }
      return [input(narrowed(decision(id, made / 100, { user_id }))), input(outcome('click', late, made / 100, of))]
    }).flat()
    const tick = { timeMs: at(made / 100), watermarkMs: at(made / 100) }
    const [a, b] = states.map(state => onDisk.step(state, inputs, tick, undefined).outputs)
    assert.ok(isDeepStrictEqual(a, b), `step ${step}`)
    for (const state of states) state.commit()
    await disk.room()
  }
  const [disks, heaps] = states.map(dump)
  for (const [name, rows] of Object.entries(heaps)) assert.ok(isDeepStrictEqual(disks[name], rows), name)
  assert.equal(states[0].joins.size, states[1].joins.size)
  await disk.close()
})
