/** Broadcast topics while newer writers come up: a schema that is not known yet is asked for, and nothing is passed over. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { pino } from 'pino'
import type { ItemFeatures } from '../../schemas/records.ts'
import { parseConfig } from '../../src/config.ts'
import { vectorToBytes } from '../../src/features/store.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { currentSchemas } from '../../src/log/wire/schemas.ts'
import { compile } from '../../src/log/wire/types.ts'
import { createMeter } from '../../src/metrics.ts'
import { type Follower, follow } from '../../src/operate/broadcast.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { answer, confluent, type RegistryServer, startRegistry } from '../wire/registry-server.ts'

let registry: RegistryServer
let context: ServiceContext
let follower: Follower | undefined
let passedOver: string[]

beforeEach(async () => {
  registry = await startRegistry()
  passedOver = []
  const logger = pino({ level: 'error' }, { write: line => void passedOver.push(line) })
  context = {
    config: parseConfig({ topics: { prefix: 'b.' } }),
    log: openEmbeddedLog(),
    wire: await createWire({ prefix: 'b.', registry }),
    meter: createMeter(),
    logger,
    now: Date.now,
  }
  await context.log.createTopics([{ topic: 'b.features', partitions: 1, replicationFactor: 1, config: {} }])
})
afterEach(async () => {
  await follower?.stop()
  registry.close()
})

const item = (id: string): ItemFeatures => ({
  item_id: id,
  feature_key: `${id}@1`,
  feature_version: 1,
  encoder_version: 'e',
  vector: vectorToBytes(Float32Array.of(1)),
  attributes: {},
  available: true,
  time_ms: 1,
})

/** Writes as a version of feedloop does that has a field more; the first such registers its schema. */
function newer(id: string): Buffer {
  const schema = structuredClone(currentSchemas().find(each => each.name === 'ItemFeatures')!.schema) as {
    fields: object[]
  }
  schema.fields.push({ name: 'colour', type: 'string', default: '' })
  const text = JSON.stringify(schema)
  if (!registry.schemas.includes(text)) registry.schemas.push(text)
  return confluent(registry.schemas.indexOf(text) + 1, compile(schema).toBuffer({ ...item(id), colour: 'red' }))
}

const append = (...values: Buffer[]) =>
  context.log.append(
    'b.features',
    0,
    values.map(value => ({ key: Buffer.from('k'), value })),
  )
const older = (id: string): Buffer => context.wire.encode('features', item(id))

function start(): string[] {
  const taken: string[] = []
  follower = follow<ItemFeatures>(context, 'features', ({ item_id }) => taken.push(item_id))
  return taken
}

test('a schema that comes up mid-stream is learned, and records keep their order', { timeout: 30_000 }, async () => {
  await append(older('a'))
  const taken = start()
  await follower!.caughtUp
  await append(older('b'), newer('c'), older('d'), newer('e'))
  await follower!.catchUp()
  assert.deepEqual([taken, passedOver], [['a', 'b', 'c', 'd', 'e'], []])
})

test('caught up means taken, also while the registry is slow or down', { timeout: 30_000 }, async () => {
  await append(older('a'), newer('b'), older('c'))
  let left = 20
  registry.fault = (_, response) => left-- > 0 && answer(response, 503, { message: 'starting' })
  const taken = start()
  await follower!.caughtUp
  assert.deepEqual([taken, passedOver], [['a', 'b', 'c'], []])
  assert.ok(left < 0)
})

test('a schema that nobody knows is passed over', { timeout: 30_000 }, async () => {
  await append(older('a'), confluent(999, Buffer.from([0])), older('b'))
  const taken = start()
  await follower!.caughtUp
  assert.deepEqual(taken, ['a', 'b'])
  assert.match(passedOver.join(), /WIRE_SCHEMA_UNKNOWN: schema id 999/)
})

test('a registry that refuses the caller ends it: what it keeps back may be a release', {
  timeout: 30_000,
}, async () => {
  await append(newer('a'))
  registry.fault = (_, response) => answer(response, 403, { message: 'no' })
  start()
  await assert.rejects(follower!.failed, { code: 'REGISTRY_REFUSED' })
})

test('a deletion is told by its key, in order with what is taken', async () => {
  await append(older('a'))
  await context.log.append('b.features', 0, [{ key: Buffer.from('a@1'), value: null }])
  await append(older('b'))
  const seen: string[] = []
  follower = follow<ItemFeatures>(context, 'features', ({ item_id }) => seen.push(item_id), {
    drop: key => seen.push(`no ${key}`),
  })
  await follower.caughtUp
  assert.deepEqual(seen, ['a', 'no a@1', 'b'])
})
