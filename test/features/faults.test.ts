/** What the features stage does with faults of its inputs and of the log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemFeatures, UserFeatures } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { createFeatureStore } from '../../src/features/store.ts'
import type { Log } from '../../src/log/log.ts'
import { all, bus, item, prefix, put, start, until } from './bus.ts'

const profile = (id: string, text: string, timeMs: number) => ({ user_id: id, text, attributes: {}, time_ms: timeMs })

test('only an accepted later state takes a deletion of the same read back', async () => {
  const at = await bus()
  const first = await start(at)
  const ids = ['broken', 'refused', 'back', 'kept']
  for (const id of ids) await put(at, 'users', id, profile(id, 'secret', 10))
  await until(
    () => all(at, 'profiles'),
    found => found.length === ids.length,
  )
  await first.running.stop()

  for (const id of ids.slice(0, 3)) await put(at, 'users', id, null)
  await put(at, 'users', 'broken', Buffer.from('no avro'))
  await put(at, 'users', 'refused', profile('refused', 'soon', Date.now() + 86_400_000))
  await put(at, 'users', 'back', profile('back', 'secret', 10))
  const second = await start(at)
  const found = await until(
    () => all<UserFeatures>(at, 'profiles'),
    seen => seen.length >= ids.length + 4,
  )
  await second.running.stop()
  const last = new Map(found.map(({ key, value }) => [key, value !== null]))
  assert.deepEqual(Object.fromEntries(last), { broken: false, refused: false, back: true, kept: true })
})

test('an item that was deleted and put again in one read is there again', async () => {
  const at = await bus()
  await put(at, 'items', 'a', item('a', 'one', 10))
  await put(at, 'items', 'a', null)
  await put(at, 'items', 'a', item('a', 'one', Date.now() + 1000))
  await put(at, 'items', 'b', item('b', 'two', 10))
  const { running } = await start(at)
  const found = await until(
    () => all<ItemFeatures>(at, 'features'),
    seen => seen.some(({ key }) => key.startsWith('b@')),
  )
  await running.stop()
  const store = createFeatureStore()
  for (const { value } of found) store.put(value!)
  assert.deepEqual(store.availableItems(), ['a', 'b'])
})

test('of a state and a deletion of an item the later time holds, whatever their order in the log', async () => {
  const at = await bus()
  const { running } = await start(at)
  const seen = (count: number) =>
    until(
      () => all<ItemFeatures>(at, 'features'),
      found => found.length >= count,
    )
  await put(at, 'items', 'kept', item('kept', 'one', 20))
  await put(at, 'items', 'gone', item('gone', 'one', 20))
  await put(at, 'items', 'sold', item('sold', 'one', 20, { available: false }))
  await seen(3)
  await put(at, 'items', 'kept', null, 19)
  await put(at, 'items', 'gone', null, 20)
  await put(at, 'items', 'sold', null, 30)
  await seen(5)
  await put(at, 'items', 'sold', item('sold', 'one', 25))
  await put(at, 'items', 'end', item('end', 'one', 20))
  const found = await until(
    () => all<ItemFeatures>(at, 'features'),
    all => all.some(({ key }) => key.startsWith('end@')),
  )
  await running.stop()
  const store = createFeatureStore()
  for (const { value } of found) store.put(value!)
  assert.deepEqual(store.availableItems(), ['kept', 'end'])
})

test('a person is deleted whatever the times say', async () => {
  const at = await bus()
  const { running } = await start(at)
  await put(at, 'users', 'ann', profile('ann', 'secret', Date.now() + 1000))
  await put(at, 'users', 'ann', null, 5)
  await until(
    () => all(at, 'profiles'),
    found => found.at(-1)?.value === null,
  )
  await running.stop()
})

test('vectors of any size are cut into batches that the topic takes', async () => {
  const at = await bus()
  const ids = Array.from({ length: 150 }, (_, i) => `p${i}`)
  for (const id of ids) await put(at, 'items', id, item(id, 'x', 10))
  const { running } = await start(at, { dimensions: 4096 })
  const made = until(
    async () => (await at.log.ends(`${prefix}features`, 0)).latest,
    end => end === ids.length,
  )
  await Promise.race([made, running.done])
})

test('a log that is away when partitions are assigned is waited for', async () => {
  const at = await bus()
  let refusals = 0
  const away: Log = {
    ...at.log,
    async partitionCount(topic) {
      if (refusals++ % 2 === 0) throw new FeedloopError('LOG_UNAVAILABLE', 'away')
      return at.log.partitionCount(topic)
    },
  }
  await put(at, 'items', 'a', item('a', 'one', 10))
  const { running } = await start({ ...at, log: away })
  const made = until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  await Promise.race([made, running.done])
  assert.ok(refusals > 0)
})

test('a topic that was made anew is read from its first record', async () => {
  const old = await bus()
  const first = await start(old)
  for (const id of ['a', 'b']) await put(old, 'items', id, item(id, 'one', 10))
  const committed = () => old.log.committed(`${prefix}features-items`, `${prefix}items`)
  const [position] = await until(committed, positions => positions[0]?.offset === 2)
  await first.running.stop()

  const anew = await bus()
  const log: Log = { ...anew.log, committed: async (_, topic) => (topic === position.topic ? [position] : []) }
  await put(anew, 'items', 'a', item('a', 'two', 20))
  const lines: string[] = []
  const { running } = await start({ ...anew, log }, {}, { say: line => lines.push(line) })
  const made = until(
    () => all(anew, 'features'),
    found => found.length === 1,
  )
  await Promise.race([made, running.done])
  assert.match(lines.join(), /was made anew/)
})
