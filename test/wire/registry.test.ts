/** The registry client against a small stand-in that fails in the usual ways. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, beforeEach, describe, test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { connectRegistry } from '../../src/log/wire/registry.ts'
import { currentSchemas } from '../../src/log/wire/schemas.ts'
import { compile } from '../../src/log/wire/types.ts'
import { event } from './samples.ts'

type Fault = (request: IncomingMessage, response: ServerResponse) => boolean
const schemas: string[] = []
const subjects = new Map<string, string>()
const compatibility = new Map<string, string>()
let fault: Fault = () => false
let calls = 0

function answer(response: ServerResponse, status: number, body: unknown): boolean {
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
  return true
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
}

const server = createServer(async (request, response) => {
  calls++
  const body = await bodyOf(request)
  if (fault(request, response)) return
  const [, kind, subject] = request.url!.split('/').map(decodeURIComponent)
  if (kind === 'config' && request.method === 'GET') {
    const level = compatibility.get(subject)
    return answer(response, level ? 200 : 404, level ? { compatibilityLevel: level } : { error_code: 40401 })
  }
  if (kind === 'config') return compatibility.set(subject, body.compatibility) && answer(response, 200, body)
  if (kind === 'subjects') {
    if (!schemas.includes(body.schema)) schemas.push(body.schema)
    subjects.set(subject, body.schema)
    return answer(response, 200, { id: schemas.indexOf(body.schema) + 1 })
  }
  const schema = schemas[Number(request.url!.split('/').pop()) - 1]
  return answer(response, schema ? 200 : 404, schema ? { schema } : { error_code: 40403, message: 'Schema not found' })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
after(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  fault = () => false
  calls = 0
})

const schemaOf = (name: string) => currentSchemas().find(each => each.name === name)!.schema
const confluent = (id: number, body: Buffer) => {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, body])
}

describe('with a registry', () => {
  test('subjects are registered under prefix and topic with FULL compatibility; records carry the id', async () => {
    const wire = await createWire({ prefix: 'shop.', registryUrl: url })
    const bytes = wire.encode('events', event)
    assert.equal(bytes[0], 0)
    assert.equal(schemas[bytes.readUInt32BE(1) - 1], JSON.stringify(schemaOf('BehaviorEvent')))
    assert.equal(compatibility.get('shop.events-value'), 'FULL')
    assert.equal(subjects.has('shop.dead-letters-value'), false)
    assert.deepEqual(wire.decode('events', bytes), event)
  })

  test('both framings are read, and records need no further call', async () => {
    const wire = await createWire({ prefix: 'shop.', registryUrl: url })
    const plain = await createWire({ prefix: 'shop.' })
    calls = 0
    assert.deepEqual(wire.decode('events', plain.encode('events', event)), event)
    assert.deepEqual(wire.decode('events', wire.encode('events', event)), event)
    assert.equal(calls, 0)
  })

  test("a foreign writer's schema is learned by id and resolved to ours", async () => {
    const wire = await createWire({ prefix: 'shop.', registryUrl: url })
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
    const wire = await createWire({ prefix: 'shop.', registryUrl: url })
    assert.equal(await wire.learn(confluent(9999, Buffer.from([0]))), false)
  })

  test('a subject that already has another compatibility is refused', async () => {
    compatibility.set('strange.items-value', 'NONE')
    await assert.rejects(createWire({ prefix: 'strange.', registryUrl: url }), error =>
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
      const registry = await connectRegistry(url, 100)
      fault = trouble
      await assert.rejects(registry.fetch(1), unavailable)
      await assert.rejects(registry.register('s-value', schemaOf('Item')), unavailable)
    })

  test('nobody listens: retryable', async () => {
    await assert.rejects(createWire({ prefix: 'x.', registryUrl: 'http://127.0.0.1:1' }), unavailable)
  })

  test('a passing fault is retried until it is over', async () => {
    const registry = await connectRegistry(url)
    const id = await registry.register('passing-value', schemaOf('Item'))
    let left = 2
    fault = (_, response) => left-- > 0 && answer(response, 503, { message: 'starting' })
    assert.equal((await registry.fetch(id))?.name, 'feedloop.Item')
  })

  for (const status of [401, 403, 409, 422])
    test(`an answer of ${status} is final`, async () => {
      const registry = await connectRegistry(url)
      fault = (_, response) => answer(response, status, { message: 'no' })
      await assert.rejects(registry.register('s-value', schemaOf('Item')), error => isCode(error, 'REGISTRY_REFUSED'))
    })
})

test('a password in the url of the registry is in no message', async () => {
  const registry = connectRegistry('http://someone:secret@127.0.0.1:1', 500).then(client => client.fetch(1))
  await assert.rejects(registry, error => !String(error).includes('secret') && String(error).includes('127.0.0.1:1'))
})
