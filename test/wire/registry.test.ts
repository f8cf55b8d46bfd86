/** The registry client against a small stand-in that fails in the usual ways. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { connectRegistry } from '../../src/log/wire/registry.ts'
import { currentSchemas } from '../../src/log/wire/schemas.ts'
import { compile } from '../../src/log/wire/types.ts'
import { answer, confluent, type Fault, startRegistry } from './registry-server.ts'
import { event } from './samples.ts'

const server = await startRegistry()
const { url, schemas, subjects, compatibility } = server
after(server.close)
beforeEach(() => {
  server.fault = () => false
  server.calls = 0
})

const schemaOf = (name: string) => currentSchemas().find(each => each.name === name)!.schema

describe('with a registry', () => {
  test('subjects are registered under prefix and topic with FULL compatibility; records carry the id', async () => {
    const wire = await createWire({ prefix: 'shop.', registry: { url } })
    const bytes = wire.encode('events', event)
    assert.equal(bytes[0], 0)
    assert.equal(schemas[bytes.readUInt32BE(1) - 1], JSON.stringify(schemaOf('BehaviorEvent')))
    assert.equal(compatibility.get('shop.events-value'), 'FULL')
    assert.equal(subjects.has('shop.dead-letters-value'), false)
    assert.deepEqual(wire.decode('events', bytes), event)
  })

  test('both framings are read, and records need no further call', async () => {
    const wire = await createWire({ prefix: 'shop.', registry: { url } })
    const plain = await createWire({ prefix: 'shop.' })
    server.calls = 0
    assert.deepEqual(wire.decode('events', plain.encode('events', event)), event)
    assert.deepEqual(wire.decode('events', wire.encode('events', event)), event)
    assert.equal(server.calls, 0)
  })

  test("a foreign writer's schema is learned by id and resolved to ours", async () => {
    const wire = await createWire({ prefix: 'shop.', registry: { url } })
    const foreign = structuredClone(schemaOf('BehaviorEvent')) as { fields: { name: string }[] }
    foreign.fields = foreign.fields.filter(field => field.name !== 'slot').reverse()
    schemas.push(JSON.stringify(foreign))
    const bytes = confluent(schemas.length, compile(foreign).toBuffer({ ...event, slot: undefined }))
    assert.throws(
      () => wire.decode('events', bytes),
      error => isCode(error, 'WIRE_SCHEMA_UNKNOWN'),
    )
    assert.equal(await wire.learn(bytes), true)
    assert.deepEqual(wire.decode('events', bytes), { ...event, slot: null })
  })

  test('an id that the registry does not know is not learned', async () => {
    const wire = await createWire({ prefix: 'shop.', registry: { url } })
    assert.equal(await wire.learn(confluent(9999, Buffer.from([0]))), false)
  })

  test('a subject that already has another compatibility is refused', async () => {
    compatibility.set('strange.items-value', 'NONE')
    await assert.rejects(createWire({ prefix: 'strange.', registry: { url } }), error =>
      isCode(error, 'REGISTRY_REFUSED'),
    )
  })
})

describe('a registry in trouble', () => {
  const unavailable = (error: unknown) => isCode(error, 'REGISTRY_UNAVAILABLE')
  const faults: [string, Fault][] = [
    ['answers 503', (_, response) => answer(response, 503, { message: 'down' })],
    ['hangs up', request => Boolean(request.socket.destroy())],
    ['never answers', () => true],
    ['answers with rubbish', (_, response) => Boolean(response.writeHead(200).end('<html>'))],
  ]
  for (const [name, trouble] of faults)
    test(`${name}: retryable`, async () => {
      const registry = await connectRegistry({ url }, 100)
      server.fault = trouble
      await assert.rejects(registry.fetch(1), unavailable)
      await assert.rejects(registry.register('s-value', schemaOf('Item')), unavailable)
    })

  test('nobody listens: retryable', async () => {
    await assert.rejects(createWire({ prefix: 'x.', registry: { url: 'http://127.0.0.1:1' } }), unavailable)
  })

  test('a passing fault is retried until it is over', async () => {
    const registry = await connectRegistry({ url })
    const id = await registry.register('passing-value', schemaOf('Item'))
    let left = 2
    server.fault = (_, response) => left-- > 0 && answer(response, 503, { message: 'starting' })
    assert.equal((await registry.fetch(id))?.name, 'feedloop.Item')
  })

  for (const status of [401, 403, 409, 422])
    test(`an answer of ${status} is final`, async () => {
      const registry = await connectRegistry({ url })
      server.fault = (_, response) => answer(response, status, { message: 'no' })
      await assert.rejects(registry.register('s-value', schemaOf('Item')), error => isCode(error, 'REGISTRY_REFUSED'))
    })
})

test('a password in the url of the registry is in no message', async () => {
  const registry = connectRegistry({ url: 'http://someone:secret@127.0.0.1:1' }, 500).then(client => client.fetch(1))
  await assert.rejects(registry, error => !String(error).includes('secret') && String(error).includes('127.0.0.1:1'))
})
