/** The catalogue over HTTP: what is published can be recommended, what is withdrawn is not, and nothing of it needs Kafka. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Item } from '../../schemas/records.ts'
import { FeedloopError } from '../../src/errors.ts'
import { createClient } from '../../src/gateway/client.ts'
import type { Log } from '../../src/log/log.ts'
import { createMeter } from '../../src/metrics.ts'
import { openOperatorDoor } from '../../src/operate/http.ts'
import { topicName } from '../../src/pipeline.ts'
import { openWorld, recordsOf, until, urlOf, type World } from './world.ts'

const shown = async ({ url }: World, candidates: readonly string[]): Promise<readonly string[]> => {
  const client = createClient({ url, timeoutMs: 10_000 })
  return (await client.recommend({ user_id: 'ann', slots: candidates.length, candidates: [...candidates] })).items
}

test('an item is published, changed, withdrawn and published again', async t => {
  const world = await openWorld(t)
  const client = createClient({ url: world.url, timeoutMs: 10_000 })
  const text = 'Boots. '.repeat(1000)
  await client.publish([{ item_id: 'boots/ä', text, attributes: { price: 80, red: true } }, { item_id: 'hat' }])
  const stored = await recordsOf<Item>(world.context, 'items')
  const boots = stored.find(({ item_id }) => item_id === 'boots/ä')!
  assert.deepEqual(
    { ...boots, attributes: { ...boots.attributes } },
    {
      item_id: 'boots/ä',
      text,
      attributes: { price: 80, red: true },
      available: true,
      time_ms: boots.time_ms,
    },
  )
  await until(async () => (await shown(world, ['boots/ä', 'hat'])).length === 2, 'both are recommended')
  await client.publish([{ item_id: 'hat', available: false }])
  await until(async () => (await shown(world, ['boots/ä', 'hat'])).join() === 'boots/ä', 'the hat is sold out')
  await client.withdraw('boots/ä')
  await until(async () => (await shown(world, ['boots/ä', 'hat'])).length === 0, 'the boots are gone')
  await client.publish([{ item_id: 'boots/ä', text }])
  await until(async () => (await shown(world, ['boots/ä', 'hat'])).join() === 'boots/ä', 'the boots are back')
})

test('states without a time and deletions are of their arrival, by one clock, however often they are tried', async t => {
  let ms = Date.now()
  let refusals = 0
  const world = await openWorld(t)
  const { context } = world
  const log: Log = {
    ...context.log,
    async append(topic, ...rest) {
      if (!topic.endsWith('items') || refusals === 0) return context.log.append(topic, ...rest)
      refusals--
      ms += 100
      throw new FeedloopError('LOG_UNAVAILABLE', 'away')
    },
  }
  const url = urlOf(await world.another(() => ({ ...context, log, now: () => ms })))
  const client = createClient({ url, timeoutMs: 10_000 })
  const times: number[] = []
  for (const call of [() => client.publish([{ item_id: 'x/y' }]), () => client.withdraw('x/y')]) {
    times.push(++ms)
    refusals = 2
    await call()
  }
  const stored = await context.log.read(topicName(context.config.topics.prefix, 'items'), 0, 0)
  const [state, deletion] = stored.slice(-2)
  const { time_ms } = context.wire.decode('items', state!.value!) as Item
  assert.deepEqual([time_ms, deletion!.timestampMs, deletion!.value], [...times, null])
})

test('ids as long as they may be, in the path as in a body', async t => {
  const world = await openWorld(t)
  const client = createClient({ url: world.url, timeoutMs: 10_000 })
  const id = '\u{1f462}'.repeat(1024)
  await client.publish([{ item_id: id }])
  await client.withdraw(id)
  const { log, config } = world.context
  const records = await log.read(topicName(config.topics.prefix, 'items'), 0, 0)
  assert.deepEqual(
    records.slice(-2).map(({ key }) => key?.toString()),
    [id, id],
  )
  const ranker = await openOperatorDoor(
    {
      ...world.context,
      config: { ...config, http: { ...config.http, host: '127.0.0.1', port: 0 } },
      meter: createMeter(),
    },
    world.services,
  )
  t.after(() => ranker.close())
  const rankers = [`http://127.0.0.1:${ranker.port}`]
  const gateway = await world.another(context => ({
    ...context,
    config: { ...config, gateway: { ...config.gateway, rankers } },
  }))
  assert.equal(await createClient({ url: urlOf(gateway), timeoutMs: 10_000 }).state(id), null)
})

test('a deletion is a record of its own: a key without a value', async t => {
  const world = await openWorld(t)
  const reply = await fetch(`${world.url}/v1/items/a%2Fb`, { method: 'DELETE' })
  assert.deepEqual([reply.status, await reply.json()], [200, { appended: 1 }])
  const { log, config } = world.context
  const records = await log.read(topicName(config.topics.prefix, 'items'), 0, 0)
  const { key, value } = records.at(-1)!
  assert.deepEqual([key?.toString(), value], ['a/b', null])
})
