import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorCode, isCode } from '../../src/errors.ts'
import { createReader } from '../../src/intake/formats.ts'
import type { CompiledSource } from '../../src/intake/mapping.ts'
import type { LogRecord } from '../../src/log/log.ts'
import { fingerprintOf } from '../../src/log/wire/fingerprint.ts'
import type { Registry } from '../../src/log/wire/registry.ts'
import { compile } from '../../src/log/wire/types.ts'

const source = (format: CompiledSource['format'], type: CompiledSource['type'] = null) => ({ format, type })
const record = (value: Buffer | string | null, headers: Record<string, string> = {}): LogRecord => ({
  topic: 't',
  partition: 2,
  offset: 9,
  key: Buffer.from('k'),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
  timestampMs: 5,
})

const foreign = compile({
  type: 'record',
  name: 'x.Click',
  fields: [
    { name: 'who', type: 'string' },
    { name: 'n', type: 'long' },
  ],
})
const click = { who: 'ü', n: 3 }
const avro = foreign.toBuffer(click)
const header = Buffer.alloc(10)
header.writeUInt16BE(0xc301)
header.writeBigUInt64LE(fingerprintOf(foreign), 2)
const registry: Registry = {
  register: async () => 1,
  objections: async () => [],
  fetch: async id => (id === 7 ? foreign : null),
}

const required = { ce_id: '1', ce_source: '/s', ce_type: 'click', ce_specversion: '1.0' }
const event = { id: '1', source: '/s', type: 'click', specversion: '1.0' }
const structuredType = { 'content-type': 'application/cloudevents+json; charset=UTF-8' }
const structured = (more: object) => record(JSON.stringify({ ...event, ...more }), structuredType)

describe('read', () => {
  const cases: [string, ReturnType<typeof source>, LogRecord, unknown][] = [
    ['JSON', source('json'), record('{"a":[1]}'), { a: [1] }],
    ['JSON with integers beyond 2^53', source('json'), record('{"a":9007199254740993}'), { a: 9007199254740993n }],
    ['JSON with long decimals', source('json'), record('[0.30000000000000004,1e20]'), [0.1 + 0.2, 1e20]],
    [
      'JSON with long texts',
      source('json'),
      record('{"9007199254740993":"9007199254740993"}'),
      { '9007199254740993': '9007199254740993' },
    ],
    ['bare Avro by a schema file', source('avro', foreign), record(avro), click],
    ['single-object Avro by a schema file', source('avro', foreign), record(Buffer.concat([header, avro])), click],
    [
      'Confluent Avro by registry',
      source('avro'),
      record(Buffer.concat([Buffer.from('0000000007', 'hex'), avro])),
      click,
    ],
    [
      'CloudEvents, binary',
      source('cloudevents'),
      record('{"a":1}', { ...required, 'content-type': 'application/json' }),
      { a: 1 },
    ],
    ['CloudEvents, binary, no content type', source('cloudevents'), record('2', required), 2],
    ['CloudEvents, binary, no data', source('cloudevents'), record(null, required), null],
    [
      'CloudEvents, binary, Avro',
      source('cloudevents', foreign),
      record(avro, { ...required, 'content-type': 'application/avro' }),
      click,
    ],
    ['CloudEvents, structured', source('cloudevents'), structured({ data: { a: 1 } }), { a: 1 }],
    ['CloudEvents, structured, base64', source('cloudevents'), structured({ data_base64: btoa('{"a":2}') }), { a: 2 }],
    [
      'CloudEvents, structured, base64 of Avro by a schema file',
      source('cloudevents', foreign),
      structured({ datacontenttype: 'application/avro', data_base64: avro.toString('base64') }),
      click,
    ],
    [
      'CloudEvents, structured, base64 of Avro by registry',
      source('cloudevents'),
      structured({
        datacontenttype: 'Avro/Binary; charset=none',
        data_base64: Buffer.concat([Buffer.from('0000000007', 'hex'), avro]).toString('base64'),
      }),
      click,
    ],
    [
      'CloudEvents, structured, JSON of a vendor',
      source('cloudevents'),
      structured({ datacontenttype: 'application/vnd.shop+json', data: 'text' }),
      'text',
    ],
    [
      'CloudEvents, structured, no data of some type',
      source('cloudevents'),
      structured({ datacontenttype: 'text/xml' }),
      null,
    ],
    ['CloudEvents, structured, nulls', source('cloudevents'), structured({ data: 1, data_base64: null }), 1],
    ['CloudEvents, structured, no data', source('cloudevents'), structured({}), null],
  ]
  for (const [name, from, input, expected] of cases)
    test(name, async () => {
      const read = await createReader(from, registry)(input)
      assert.deepEqual(read.value, expected)
      assert.deepEqual([read.key, read.origin, read.timestampMs], ['k', 't/2/9', 5])
    })

  test('attributes and extensions of both modes', async () => {
    const read = createReader(source('cloudevents'), undefined)
    const binary = await read(record('1', { ...required, ce_tenant: 'x' }))
    const json = await read(structured({ tenant: 'x', data: 1 }))
    assert.deepEqual(binary.attributes, { ...event, tenant: 'x' })
    assert.deepEqual(json.attributes, binary.attributes)
  })
})

describe('refused', () => {
  const cases: [string, ReturnType<typeof source>, LogRecord, ErrorCode][] = [
    ['not JSON', source('json'), record('{'), 'RECORD_UNREADABLE'],
    ['no value', source('json'), record(null), 'RECORD_UNREADABLE'],
    ['cut Avro', source('avro', foreign), record(avro.subarray(0, 2)), 'RECORD_UNREADABLE'],
    ['no framing', source('avro'), record('{"a":1}'), 'RECORD_UNREADABLE'],
    ['an unknown schema id', source('avro'), record(Buffer.from('000000000800', 'hex')), 'WIRE_SCHEMA_UNKNOWN'],
    ['no CloudEvents headers', source('cloudevents'), record('{}'), 'RECORD_UNREADABLE'],
    [
      'CloudEvents 0.3',
      source('cloudevents'),
      record('{}', { ...required, ce_specversion: '0.3' }),
      'RECORD_UNREADABLE',
    ],
    ['CloudEvents without an id', source('cloudevents'), record('{}', { ...required, ce_id: '' }), 'RECORD_UNREADABLE'],
    [
      'CloudEvents data of another kind',
      source('cloudevents'),
      record('<a/>', { ...required, 'content-type': 'text/xml' }),
      'RECORD_UNREADABLE',
    ],
    [
      'a CloudEvents batch',
      source('cloudevents'),
      record('[]', { 'content-type': 'application/cloudevents-batch+json' }),
      'RECORD_UNREADABLE',
    ],
    ['a structured event that is a list', source('cloudevents'), record('[]', structuredType), 'RECORD_UNREADABLE'],
    ...Object.entries<object>({
      'text of XML': { datacontenttype: 'text/xml', data: '<a/>' },
      'base64 of XML': { datacontenttype: 'text/xml', data_base64: btoa('<a/>') },
      'Avro that is not in base64': { datacontenttype: 'application/avro', data: { who: 'u', n: 1 } },
      'cut Avro': { datacontenttype: 'application/avro', data_base64: avro.subarray(0, 2).toString('base64') },
      'base64 that is none': { data_base64: 'e30' },
      'base64 that is no text': { data_base64: 7 },
      'data twice': { data: 1, data_base64: btoa('1') },
      'a content type that is no text': { datacontenttype: 1, data: 1 },
    }).map(([name, more]): [string, ReturnType<typeof source>, LogRecord, ErrorCode] => [
      `a structured event with ${name}`,
      source('cloudevents', foreign),
      structured(more),
      'RECORD_UNREADABLE',
    ]),
    ['a structured event without a type', source('cloudevents'), structured({ type: undefined }), 'RECORD_UNREADABLE'],
  ]
  for (const [name, from, input, code] of cases)
    test(name, async () => {
      await assert.rejects(
        async () => createReader(from, registry)(input),
        error => isCode(error, code),
      )
    })
})
