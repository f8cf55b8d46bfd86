import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ItemFeatures, UserFeatures } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { bytesToVector, createFeatureStore } from '../../src/features/store.ts'
import type { Log } from '../../src/log/log.ts'
import { partitionFor } from '../../src/log/partition.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { all, bus, item, prefix, put, start, USERS, until } from './bus.ts'

test('items become features, each version once; a restart encodes nothing again', async () => {
  const at = await bus()
  const first = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  await put(at, 'items', 'a', item('a', 'one', 11))
  await put(at, 'items', 'b', item('b', 'two', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 2,
  )
  await put(at, 'items', 'a', item('a', 'uno', 12))
  await until(
    () => all(at, 'features'),
    found => found.length === 3,
  )
  await first.running.stop()

  const second = await start(at)
  await put(at, 'items', 'b', item('b', 'two', 20))
  await put(at, 'items', 'c', item('c', 'three', 20))
  const found = await until(
    () => all<ItemFeatures>(at, 'features'),
    found => found.length === 4,
  )
  assert.equal(await second.counted('item', 'encoded'), 1)
  assert.equal(await second.counted('item', 'unchanged'), 1)
  await second.running.stop()
  const store = createFeatureStore()
  for (const { key, value } of found) {
    assert.equal(key, `${value!.item_id}@${value!.feature_version}`)
    assert.equal(bytesToVector(value!.vector).length, 8)
    store.put(value!)
  }
  assert.equal(store.current('a')?.timeMs, 12)
})

test("a newer writer's vectors are read by the schema that the registry has, and not encoded again", async () => {
  const at = await bus()
  const first = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  await first.running.stop()

  let known = false
  const decode: Wire['decode'] = (topic, bytes) => {
    if (topic === 'features' && !known) throw new FeedloopError('WIRE_SCHEMA_UNKNOWN', 'schema id 7')
    return at.wire.decode(topic, bytes)
  }
  const learn = async () => {
    known = true
    return true
  }
  const second = await start({ ...at, wire: { ...at.wire, decode, learn } })
  await put(at, 'items', 'a', item('a', 'one', 20))
  await until(
    () => second.counted('item', 'unchanged'),
    count => count === 1,
  )
  await second.running.stop()
  assert.equal((await all(at, 'features')).length, 1)
})

test('it is ready when it has read what is published', async () => {
  const at = await bus()
  const first = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  await first.running.stop()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const slow: Log = {
    ...at.log,
    async read(topic, ...rest) {
      if (topic === `${prefix}features`) await opened
      return at.log.read(topic, ...rest)
    },
  }
  const { running } = await start({ ...at, log: slow })
  const waiting = async () => running.waitingFor()
  try {
    await until(waiting, text => /items: start of partitions 0/.test(text))
  } finally {
    open()
  }
  await until(waiting, text => text === '')
})

test('when one half cannot start, the other is stopped', async () => {
  const at = await bus()
  const members = new Set<string>()
  const broken: Log = {
    ...at.log,
    async join(group, topics, handlers) {
      if (topics.includes(`${prefix}users`)) throw new FeedloopError('TOPIC_UNKNOWN', 'on purpose')
      const membership = await at.log.join(group, topics, handlers)
      members.add(group)
      const leave = async () => {
        members.delete(group)
        await membership.leave()
      }
      return { ...membership, leave }
    },
  }
  await assert.rejects(start({ ...at, log: broken }), { code: 'TOPIC_UNKNOWN' })
  assert.deepEqual([...members], [])
})

test('a vector that was deleted from features is made again; an older version of it may go', async () => {
  const at = await bus()
  const first = await start(at)
  const seen = (count: number) =>
    until(
      () => all<ItemFeatures>(at, 'features'),
      found => found.length === count,
    )
  await put(at, 'items', 'a@1', item('a@1', 'one', 10))
  await put(at, 'items', 'b', item('b', 'two', 10))
  const published = await seen(2)
  await put(at, 'items', 'a@1', item('a@1', 'uno', 11))
  await seen(3)
  await first.running.stop()
  for (const { key } of published) await put(at, 'features', key, null)
  const second = await start(at)
  await put(at, 'items', 'a@1', item('a@1', 'uno', 20))
  await put(at, 'items', 'b', item('b', 'two', 20))
  const found = await seen(6)
  assert.deepEqual(
    [found.at(-1)!.key, await second.counted('item', 'unchanged'), await second.counted('item', 'encoded')],
    [published.find(({ key }) => key.startsWith('b@'))!.key, 1, 1],
  )
})

test('another encoder encodes everything anew, under other versions', async () => {
  const at = await bus()
  const first = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  await first.running.stop()
  const second = await start(at, { dimensions: 16 })
  const found = await until(
    () => all<ItemFeatures>(at, 'features'),
    found => found.length === 2,
  )
  await second.running.stop()
  assert.notEqual(found[0].value!.feature_version, found[1].value!.feature_version)
  assert.equal(bytesToVector(found[1].value!.vector).length, 16)
})

test('availability is published without a new vector; a deleted item is no longer available', async () => {
  const at = await bus()
  const { running, counted } = await start(at)
  await put(at, 'items', 'a', item('a', 'one', 10))
  await put(at, 'items', 'b', item('b', 'two', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 2,
  )
  await put(at, 'items', 'a', item('a', 'one', 11, { available: false }))
  await put(at, 'items', 'b', null)
  const found = await until(
    () => all<ItemFeatures>(at, 'features'),
    found => found.length === 4,
  )
  await running.stop()
  const store = createFeatureStore()
  for (const { value } of found) store.put(value!)
  assert.deepEqual(store.availableItems(), [])
  assert.equal(await counted('item', 'encoded'), 2)
})

test('profiles go to the partition of their user, and are deleted with them', async () => {
  const at = await bus()
  const { running } = await start(at)
  const ids = ['u1', 'u2', 'u3', 'u4', 'u5']
  for (const id of ids)
    await put(at, 'users', id, { user_id: id, text: 'likes tea', attributes: { age: 30 }, time_ms: 10 })
  const found = await until(
    () => all<UserFeatures>(at, 'profiles'),
    found => found.length === ids.length,
  )
  for (const { key, partition } of found) assert.equal(partition, partitionFor(key, USERS))
  const vectors = found.map(({ value }) => value!.vector.toString('hex'))
  assert.equal(new Set(vectors).size, 1, 'people with one profile have one vector')
  await put(at, 'users', 'u3', null)
  const after = await until(
    () => all(at, 'profiles'),
    found => found.length === ids.length + 1,
  )
  assert.deepEqual(
    after.filter(({ value }) => value === null).map(({ key }) => key),
    ['u3'],
  )
  await running.stop()
})

test('what cannot be read or believed goes to the dead letters, the rest goes on', async () => {
  const at = await bus()
  const { running } = await start(at)
  await put(at, 'items', 'bad', Buffer.from('no avro'))
  await put(at, 'items', 'future', item('future', 'soon', Date.now() + 86_400_000))
  await put(at, 'items', 'good', item('good', 'now', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  const letters = await at.log.read(`${prefix}dead-letters`, 0, 0)
  await running.stop()
  assert.deepEqual(
    letters.map(({ headers }) => headers['__connect.errors.exception.class.name'].toString()),
    ['WIRE_UNKNOWN_FRAMING', 'TIME_IN_FUTURE'],
  )
  assert.equal(letters[0].value!.toString(), 'no avro')
})

test('the encoder down: a fallback vector at once, the position is held back, a restart encodes what waits', async () => {
  const at = await bus()
  const endpoint = { url: 'http://127.0.0.1:9', model: 'none', retries: 0, timeoutMs: 200 }
  const down = await start(at, { encoder: 'endpoint', endpoint, whenDown: 'hashed' })
  await put(at, 'items', 'a', item('a', 'one', 10))
  await until(
    () => all(at, 'features'),
    found => found.length === 1,
  )
  assert.equal(await down.counted('item', 'fallback'), 1)
  assert.equal(await down.counted('item', 'waiting'), 1)
  const committed = async () => at.log.committed(`${prefix}features-items`, `${prefix}items`)
  await until(committed, positions => positions.length === 1)
  assert.equal((await committed())[0].offset, 0)
  await down.running.stop()
})

test('the encoder down and no fallback: new items wait', async () => {
  const at = await bus()
  const endpoint = { url: 'http://127.0.0.1:9', model: 'none', retries: 0, timeoutMs: 200 }
  const down = await start(at, { encoder: 'endpoint', endpoint })
  await put(at, 'items', 'a', item('a', 'one', 10))
  await until(
    () => down.counted('item', 'waiting'),
    count => count === 1,
  )
  assert.deepEqual(await all(at, 'features'), [])
  await down.running.stop()
})
