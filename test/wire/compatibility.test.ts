/** Each current schema must read what every release wrote, and every release must read what the current one writes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createWire } from '../../src/log/wire/create.ts'
import { fingerprintOf } from '../../src/log/wire/fingerprint.ts'
import { currentSchemas, releasedSchemas, releases } from '../../src/log/wire/schemas.ts'
import { compile } from '../../src/log/wire/types.ts'

/** What a mutation touches. */
interface Field {
  name: string
  type: unknown
  default?: unknown
}
interface RecordSchema {
  fields: Field[]
}

/** Why `reader` cannot read the data of `writer`; null: it can. Tried on the schemas and on random records. */
function whyUnreadable(readerSchema: unknown, writerSchema: unknown): string | null {
  const reader = compile(readerSchema)
  const writer = compile(writerSchema)
  try {
    const resolver = reader.createResolver(writer)
    for (let i = 0; i < 20; i++) reader.toBuffer(reader.fromBuffer(writer.toBuffer(writer.random()), resolver))
    return null
  } catch (error) {
    return (error as Error).message.slice(0, 300)
  }
}

/** FULL compatibility: both ways. */
const whyIncompatible = (before: unknown, after: unknown): string | null =>
  whyUnreadable(after, before) ?? whyUnreadable(before, after)

describe('released schemas', () => {
  test('there is at least one release', () => assert.ok(releases().length > 0))
  for (const release of releases())
    for (const { name, schema } of releasedSchemas(release))
      test(`${name} is fully compatible with ${release}`, () => {
        const current = currentSchemas().find(each => each.name === name)
        assert.ok(current, `${name} is gone`)
        assert.equal(whyIncompatible(schema, current.schema), null)
      })
})

describe('the check itself', () => {
  const released = currentSchemas().find(each => each.name === 'Recommendation')!.schema
  const mutated = (mutate: (schema: RecordSchema) => void): unknown => {
    const copy = structuredClone(released) as RecordSchema
    mutate(copy)
    return copy
  }
  const field = (schema: RecordSchema, name: string) => schema.fields.find(each => each.name === name)!
  const drop = (name: string) => (schema: RecordSchema) => {
    schema.fields = schema.fields.filter(each => each.name !== name)
  }
  const symbols = (schema: RecordSchema) => (field(schema, 'mode').type as { symbols: string[] }).symbols

  const incompatible: [string, (schema: RecordSchema) => void][] = [
    ['a new field without a default', s => s.fields.push({ name: 'fresh', type: 'string' })],
    ['a field without a default is dropped', drop('user_id')],
    [
      'a field is renamed',
      s => {
        field(s, 'user_id').name = 'person_id'
      },
    ],
    [
      'a long becomes a string',
      s => {
        field(s, 'seed').type = 'string'
      },
    ],
    [
      'a long becomes a double',
      s => {
        field(s, 'seed').type = 'double'
      },
    ],
    [
      'an enum gets a symbol',
      s => {
        symbols(s).push('dreaming')
      },
    ],
    [
      'an enum loses a symbol',
      s => {
        symbols(s).pop()
      },
    ],
    [
      'a field becomes nullable',
      s => {
        field(s, 'slate_hash').type = ['null', 'string']
      },
    ],
    [
      'a nullable field is no longer',
      s => {
        Object.assign(field(s, 'deadline_ms'), { type: 'long', default: 0 })
      },
    ],
    [
      'a nested record gets a field without a default',
      s => (field(s, 'explorer').type as RecordSchema).fields.push({ name: 'fresh', type: 'int' }),
    ],
  ]
  for (const [name, mutate] of incompatible)
    test(`fails when ${name}`, () => assert.notEqual(whyIncompatible(released, mutated(mutate)), null))

  const compatible: [string, (schema: RecordSchema) => void][] = [
    ['a new field has a default', s => s.fields.push({ name: 'fresh', type: 'string', default: '' })],
    ['a field with a default is dropped', drop('reason')],
    ['fields change places', s => s.fields.reverse()],
    [
      'a default changes',
      s => {
        field(s, 'reason').default = 'none'
      },
    ],
  ]
  for (const [name, mutate] of compatible)
    test(`passes when ${name}`, () => assert.equal(whyIncompatible(released, mutated(mutate)), null))
})

test('every release is known by fingerprint', async () => {
  const wire = await createWire({ prefix: 't.' })
  for (const release of releases())
    for (const { type } of releasedSchemas(release)) {
      const header = Buffer.alloc(10)
      header.writeUInt16BE(0xc301)
      header.writeBigUInt64LE(fingerprintOf(type), 2)
      assert.equal(await wire.learn(header), true)
    }
})
