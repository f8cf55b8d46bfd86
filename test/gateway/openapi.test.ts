/** The OpenAPI document says what the schemas say, and answers are what the document says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { answerFields } from '../../src/gateway/answers.ts'
import { currentSchema } from '../../src/log/wire/schemas.ts'
import { openWorld, wish } from './world.ts'

interface Avro {
  readonly fields: readonly {
    readonly name: string
    readonly doc: string
    readonly type: unknown
    readonly default?: unknown
  }[]
}
// biome-ignore lint/suspicious/noExplicitAny: a document is walked
type JsonObject = any
const fieldsOf = (name: string) => (currentSchema(name) as Avro).fields
const jsonType: Readonly<Record<string, string>> = {
  string: 'string',
  int: 'integer',
  long: 'integer',
  double: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** JSON types of an Avro type, by hand once more. */
const typesOf = (type: unknown): string[] =>
  (Array.isArray(type) ? type : [type])
    .map(each =>
      typeof each === 'string'
        ? jsonType[each]
        : { array: 'array', map: 'object', record: 'object', enum: 'string' }[each.type as string],
    )
    .sort() as string[]

test('/openapi.json is OpenAPI 3.1, made from the records', async t => {
  const world = await openWorld(t)
  const document = (await (await fetch(`${world.url}/openapi.json`)).json()) as JsonObject
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(Object.keys(document.paths), [
    '/v1/recommendations',
    '/v1/events',
    '/v1/items',
    '/v1/items/{id}',
    '/v1/users/{id}/state',
  ])
  const bodyOf = (path: string) => document.paths[path].post.requestBody.content['application/json'].schema
  const { timeout_ms: _, ...properties } = bodyOf('/v1/recommendations').properties
  const compare = (found: JsonObject, names: readonly string[], record: string): string[] => {
    const fields = fieldsOf(record).filter(({ name }) => names.includes(name))
    assert.deepEqual(
      Object.keys(found),
      fields.map(({ name }) => name),
    )
    for (const field of fields) {
      assert.deepEqual([found[field.name].type].flat().sort(), typesOf(field.type), field.name)
      assert.equal(found[field.name].description, field.doc)
      assert.deepEqual(found[field.name].default, field.default)
    }
    return fields.filter(field => field.default === undefined).map(({ name }) => name)
  }
  const asked = fieldsOf('Request')
    .map(({ name }) => name)
    .filter(name => name !== 'time_ms')
  assert.deepEqual(bodyOf('/v1/recommendations').required, compare(properties, asked, 'Request'))
  const told = bodyOf('/v1/events').properties.events.items
  assert.deepEqual(
    told.required,
    compare(
      told.properties,
      fieldsOf('BehaviorEvent').map(({ name }) => name),
      'BehaviorEvent',
    ),
  )
  const put = bodyOf('/v1/items').properties.items.items
  assert.deepEqual(
    put.required,
    compare(
      put.properties,
      fieldsOf('Item').map(({ name }) => name),
      'Item',
    ).filter(name => name !== 'time_ms'),
  )
  const responses = document.paths['/v1/recommendations'].post.responses
  const answer = responses[200].content['application/json'].schema
  const { logged: _l, items: _i, ...answered } = answer.oneOf[0].properties
  compare(answered, answerFields, 'Recommendation')
  for (const status of [400, 409, 413, 415, 422, 503, 504])
    assert.equal(responses[status].content['application/problem+json'].schema.$ref, '#/components/schemas/Problem')

  const valid = (schema: JsonObject, value: unknown) => z.fromJSONSchema(schema).parse(value)
  valid(answer, (await world.post('/v1/recommendations', wish())).body)
  await world.settled()
  const state = document.paths['/v1/users/{id}/state'].get.responses[200].content['application/json'].schema
  const known = world.services().flatMap(each => each.describe?.('ann') ?? [])
  assert.equal(known.length, 1)
  valid(state, known[0])
  assert.throws(() => valid(state, { ...known[0], more: 1 }))
  valid(document.components.schemas.Problem, (await world.post('/v1/recommendations', {})).body)
  assert.throws(() => valid(answer, { logged: true, items: [] }))
})
