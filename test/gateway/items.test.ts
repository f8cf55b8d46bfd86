/** The catalogue over HTTP: what is published can be recommended, what is withdrawn is not, and nothing of it needs Kafka. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Item } from '../../schemas/records.ts'
import { createClient } from '../../src/gateway/client.ts'
import { topicName } from '../../src/pipeline.ts'
import { openWorld, recordsOf, until, type World } from './world.ts'

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

test('a deletion is a record of its own: a key without a value', async t => {
  const world = await openWorld(t)
  const reply = await fetch(`${world.url}/v1/items/a%2Fb`, { method: 'DELETE' })
  assert.deepEqual([reply.status, await reply.json()], [200, { appended: 1 }])
  const { log, config } = world.context
  const records = await log.read(topicName(config.topics.prefix, 'items'), 0, 0)
  const { key, value } = records.at(-1)!
  assert.deepEqual([key?.toString(), value], ['a/b', null])
})
