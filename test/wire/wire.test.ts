import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, isCode } from '../../src/errors.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { crc64Avro, fingerprintOf } from '../../src/log/wire/fingerprint.ts'
import { currentSchemas } from '../../src/log/wire/schemas.ts'
import { compile } from '../../src/log/wire/types.ts'
import { type TopicName, topics } from '../../src/pipeline.ts'
import { event, recommendation, state, transition } from './samples.ts'

const wire = await createWire({ prefix: 't.' })
const hasCode = (code: ErrorCode, says: RegExp) => (error: unknown) =>
  isCode(error, code) && says.test((error as Error).message)
const recordTopics = (Object.keys(topics) as TopicName[]).filter(topic => topics[topic].schema !== null)
const typeOf = (topic: TopicName) => currentSchemas().find(each => each.name === topics[topic].schema)!.type

describe('fingerprint', () => {
  // The vectors of the Avro project: share/test/data/schema-tests.txt.
  const vectors: [string, bigint][] = [
    ['"null"', 7195948357588979594n],
    ['"boolean"', -6970731678124411036n],
    ['"int"', 8247732601305521295n],
    ['"long"', -3434872931120570953n],
    ['"double"', -8181574048448539266n],
    ['"string"', -8142146995180207161n],
    ['["int"]', -5232228896498058493n],
    ['{"name":"foo","type":"record","fields":[]}', -4824392279771201922n],
  ]
  for (const [form, fingerprint] of vectors)
    test(`of ${form} is the published one`, () => assert.equal(BigInt.asIntN(64, crc64Avro(form)), fingerprint))

  test('looks through docs, defaults and order of keys', () => {
    const plain = compile({ type: 'record', name: 'a.R', fields: [{ name: 'x', type: 'int' }] })
    const dressed = compile({
      fields: [{ doc: 'd', default: 1, type: { type: 'int' }, name: 'x' }],
      namespace: 'a',
      doc: 'd',
      name: 'R',
      type: 'record',
    })
    assert.equal(fingerprintOf(dressed), fingerprintOf(plain))
  })
})

describe('single-object encoding', () => {
  test('begins with the marker and the little-endian fingerprint', () => {
    const bytes = wire.encode('events', event)
    assert.equal(bytes.readUInt16BE(0), 0xc301)
    assert.equal(bytes.readBigUInt64LE(2), fingerprintOf(typeOf('events')))
  })

  const samples: [TopicName, unknown][] = [
    ['events', event],
    ['recommendations', recommendation],
    ['transitions', transition],
    ['transitions', { ...transition, next_state: null, next_candidates: null, discount: null }],
    [
      'items',
      {
        item_id: 'i',
        text: 'Schuh ✓ 👟',
        attributes: { price: 1.5, brand: 'x', on: false },
        available: true,
        time_ms: 1,
      },
    ],
  ]
  for (const [topic, value] of samples)
    test(`${topic}: what is read is what was written`, () =>
      assert.deepEqual(wire.decode(topic, wire.encode(topic, value)), value))

  for (const topic of recordTopics)
    test(`${topic}: random records come back`, () => {
      for (let i = 0; i < 50; i++) {
        const value = typeOf(topic).random()
        const bytes = wire.encode(topic, value)
        assert.deepEqual(wire.encode(topic, wire.decode(topic, bytes)), bytes)
      }
    })

  test('fields with defaults may be left out', () => {
    const bytes = wire.encode('requests', {
      request_id: 'r',
      user_id: 'u',
      policy: 'p',
      time_ms: 1,
      slots: 1,
      context: {},
    })
    assert.equal((wire.decode('requests', bytes) as { session_id: unknown }).session_id, null)
  })

  test('a value larger than the scratch buffer is written whole, and the next small one too', () => {
    const large = { ...event, type: 'x'.repeat(300_000) }
    assert.deepEqual(wire.decode('events', wire.encode('events', large)), large)
    assert.deepEqual(wire.decode('events', wire.encode('events', event)), event)
  })

  test('an encoded value stays as it is when another is encoded', () => {
    const first = wire.encode('events', event)
    wire.encode('events', { ...event, event_id: 'e-2' })
    assert.deepEqual(wire.decode('events', first), event)
  })
})

describe('refused on encode', () => {
  const cases: [string, TopicName, unknown, ErrorCode, RegExp][] = [
    ['a long of 2^53', 'events', { ...event, time_ms: 2 ** 53 }, 'WIRE_UNSAFE_NUMBER', /time_ms/],
    ['an infinite long', 'events', { ...event, time_ms: Number.NEGATIVE_INFINITY }, 'WIRE_UNSAFE_NUMBER', /time_ms/],
    ['a broken long', 'events', { ...event, time_ms: 1.5 }, 'RECORD_INVALID', /time_ms: 1.5/],
    ['NaN in a union', 'events', { ...event, value: Number.NaN }, 'WIRE_UNSAFE_NUMBER', /value: NaN/],
    [
      'an infinity in an array',
      'recommendations',
      { ...recommendation, first_slot_probabilities: [1, 1 / 0] },
      'WIRE_UNSAFE_NUMBER',
      /first_slot_probabilities\.1/,
    ],
    [
      'NaN in a map of unions',
      'transitions',
      { ...transition, state: { ...state, context: { hour: Number.NaN } } },
      'WIRE_UNSAFE_NUMBER',
      /state\.context\.hour/,
    ],
    ['a number for a string', 'events', { ...event, user_id: 5 }, 'RECORD_INVALID', /user_id: 5/],
    ['a missing field', 'events', { ...event, user_id: undefined }, 'RECORD_INVALID', /user_id/],
    ['an unknown symbol', 'recommendations', { ...recommendation, mode: 'x' }, 'RECORD_INVALID', /mode: "x"/],
    [
      'a null in a list of records',
      'recommendations',
      { ...recommendation, candidates: [null] },
      'RECORD_INVALID',
      /candidates\.0/,
    ],
    ['no record at all', 'events', null, 'RECORD_INVALID', /null/],
    [
      'a list in a map',
      'items',
      { item_id: 'i', attributes: { tags: [] }, time_ms: 1 },
      'RECORD_INVALID',
      /attributes\.tags/,
    ],
  ]
  for (const [name, topic, value, code, says] of cases)
    test(name, () => assert.throws(() => wire.encode(topic, value), hasCode(code, says)))
})

describe('refused on decode', () => {
  const good = wire.encode('events', event)
  const unknown = Buffer.from(good)
  unknown[5] ^= 1
  /** A record of the same schema, written by a client that does not check numbers. */
  const careless = (field: string, type: string, body: Buffer) => {
    const at = good.indexOf(body)
    assert.ok(at > 0, `${field} of type ${type} is in the sample`)
    return at
  }
  const nan = Buffer.from(good)
  const value = Buffer.alloc(8)
  value.writeDoubleLE(2.5)
  nan.writeDoubleLE(Number.NaN, careless('value', 'double', value))
  const far = Buffer.concat([good.subarray(0, -6), Buffer.from('ffffffffffffffffff01', 'hex')])

  const cases: [string, TopicName, Buffer, ErrorCode, RegExp][] = [
    ['no bytes', 'events', Buffer.alloc(0), 'WIRE_UNKNOWN_FRAMING', /nothing/],
    ['JSON', 'events', Buffer.from('{"a":1}'), 'WIRE_UNKNOWN_FRAMING', /7b22/],
    ['a cut header', 'events', good.subarray(0, 9), 'WIRE_UNKNOWN_FRAMING', /c301/],
    ['an unknown fingerprint', 'events', unknown, 'WIRE_SCHEMA_UNKNOWN', /fingerprint/],
    ['an unknown schema id', 'events', Buffer.from('000000002a0202', 'hex'), 'WIRE_SCHEMA_UNKNOWN', /schema id 42/],
    ['a cut body', 'events', good.subarray(0, -1), 'WIRE_DECODE_FAILED', /too early/],
    ['a header alone', 'events', good.subarray(0, 10), 'WIRE_DECODE_FAILED', /too early|invalid/],
    [
      'bytes too many',
      'events',
      Buffer.concat([good, Buffer.from('00', 'hex')]),
      'WIRE_DECODE_FAILED',
      /1 bytes too many/,
    ],
    [
      'another record type',
      'events',
      wire.encode('recommendations', recommendation),
      'WIRE_DECODE_FAILED',
      /cannot be read as/,
    ],
    ['NaN', 'events', nan, 'WIRE_UNSAFE_NUMBER', /NaN/],
    ['a long beyond 2^53', 'events', far, 'WIRE_UNSAFE_NUMBER', /9223372036854776/],
  ]
  for (const [name, topic, bytes, code, says] of cases)
    test(name, () => assert.throws(() => wire.decode(topic, bytes), hasCode(code, says)))

  test('a few bytes that claim a huge array are refused at once', () => {
    const bytes = wire.encode('recommendations', recommendation)
    const lengths = bytes.indexOf(Buffer.from([100, ...Buffer.from([18]), ...Buffer.from('item-')]))
    assert.ok(lengths > 0, 'the block of 50 interactions is found')
    const claims = Buffer.concat([bytes.subarray(0, lengths), Buffer.from('feffffffff7f', 'hex'), Buffer.from([18])])
    const startedMs = performance.now()
    assert.throws(() => wire.decode('recommendations', claims), hasCode('WIRE_DECODE_FAILED', /claims/))
    assert.ok(performance.now() - startedMs < 1000)
  })

  test('damage at any place gives a code or a record, never another error, never a long wait', () => {
    const bytes = wire.encode('transitions', transition)
    const body = fc.array(fc.tuple(fc.integer({ min: 10, max: bytes.length - 1 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 5,
    })
    fc.assert(
      fc.property(body, fc.integer({ min: 0, max: 20 }), (hits, cut) => {
        const damaged = Buffer.from(bytes.subarray(0, bytes.length - cut))
        for (const [at, byte] of hits) if (at < damaged.length) damaged[at] = byte
        try {
          wire.decode('transitions', damaged)
        } catch (error) {
          assert.ok(isCode(error, 'WIRE_DECODE_FAILED') || isCode(error, 'WIRE_UNSAFE_NUMBER'), String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('the topic of dead letters holds bytes, not records', () =>
    assert.throws(() => wire.encode('dead-letters', {}), hasCode('RECORD_INVALID', /bytes/)))
  test('without a registry nothing can be learned', async () => assert.equal(await wire.learn(unknown), false))
})
