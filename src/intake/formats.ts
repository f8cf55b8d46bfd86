/**
 * Source bytes to values: JSON, Avro, and CloudEvents 1.0 in binary and structured mode (CloudEvents Kafka protocol
 * binding, sections 3.2 and 3.3). CloudEvents is read by hand: the binding is four rules, while the SDK brings a JSON schema
 * validator and its own event classes to the path of every record.
 */
import type avro from 'avsc'
import { FeedloopError } from '../errors.ts'
import type { LogRecord } from '../log/log.ts'
import { fingerprintOf } from '../log/wire/fingerprint.ts'
import type { Registry } from '../log/wire/registry.ts'
import { parseJson } from './json.ts'
import type { CompiledSource } from './mapping.ts'
import type { SourceRecord } from './step.ts'

/** @throws FeedloopError RECORD_UNREADABLE, WIRE_SCHEMA_UNKNOWN; REGISTRY_UNAVAILABLE when trying again may help */
export type Reader = (record: LogRecord) => Promise<SourceRecord>

function unreadable(detail: string, cause?: unknown): never {
  throw new FeedloopError('RECORD_UNREADABLE', detail, { cause })
}

type Attributes = Readonly<Record<string, unknown>>
type AvroReader = (bytes: Buffer) => Promise<unknown>

const sourceRecord = (record: LogRecord, value: unknown, attributes: Attributes = {}): SourceRecord => ({
  value,
  attributes,
  key: record.key === null ? null : record.key.toString(),
  header: name => (Object.hasOwn(record.headers, name) ? record.headers[name].toString() : undefined),
  origin: `${record.topic}/${record.partition}/${record.offset}`,
  timestampMs: record.timestampMs,
})

function decodeJson(bytes: Buffer): unknown {
  try {
    return parseJson(bytes.toString())
  } catch (cause) {
    return unreadable(`not JSON: ${(cause as Error).message}`, cause)
  }
}

function decodeAvro(type: avro.Type, bytes: Buffer): unknown {
  try {
    return type.fromBuffer(bytes)
  } catch (cause) {
    if (cause instanceof FeedloopError) throw cause
    return unreadable(`not Avro of ${type.name ?? 'the schema'}: ${(cause as Error).message}`, cause)
  }
}

/** With a schema of its own, its single-object encoding or bare Avro; else Confluent framing by the registry's id. */
function avroReader(own: avro.Type | null, registry: Registry | undefined): AvroReader {
  const marker = own && Buffer.concat([Buffer.from([0xc3, 0x01]), fingerprintBytes(own)])
  const known = new Map<number, avro.Type>()
  const byId = async (id: number): Promise<avro.Type> => {
    const type = known.get(id) ?? (await registry!.fetch(id))
    if (!type) throw new FeedloopError('WIRE_SCHEMA_UNKNOWN', `schema id ${id}`)
    known.set(id, type)
    return type
  }
  return async bytes => {
    if (own && bytes.subarray(0, 10).equals(marker!)) return decodeAvro(own, bytes.subarray(10))
    if (own) return decodeAvro(own, bytes)
    if (bytes.length < 5 || bytes[0] !== 0) return unreadable('not in Confluent framing')
    return decodeAvro(await byId(bytes.readUInt32BE(1)), bytes.subarray(5))
  }
}

function fingerprintBytes(type: avro.Type): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(fingerprintOf(type))
  return bytes
}

/** The attributes that every event must have. @throws FeedloopError RECORD_UNREADABLE */
function checkAttributes(attributes: Attributes): Attributes {
  if (attributes.specversion !== '1.0') unreadable(`CloudEvents specversion ${String(attributes.specversion)}, not 1.0`)
  for (const name of ['id', 'source', 'type'])
    if (typeof attributes[name] !== 'string' || attributes[name] === '') unreadable(`CloudEvents without ${name}`)
  return attributes
}

/** Attributes are headers named `ce_…`, the value is the data. */
async function binaryEvent(record: LogRecord, contentType: string, readAvro: AvroReader | null) {
  const attributes: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(record.headers))
    if (name.startsWith('ce_')) attributes[name.slice(3)] = value.toString()
  checkAttributes(attributes)
  const data = record.value === null ? null : await readData(record.value, contentType, readAvro)
  return sourceRecord(record, data, attributes)
}

/** The value is a JSON object of attributes and `data`, or `data_base64` where the data is bytes. */
async function structuredEvent(record: LogRecord, readAvro: AvroReader | null): Promise<SourceRecord> {
  const event = decodeJson(record.value ?? Buffer.alloc(0))
  if (event === null || typeof event !== 'object' || Array.isArray(event)) return unreadable('not a CloudEvents object')
  const { data = null, data_base64: encoded = null, ...attributes } = event as Record<string, unknown>
  checkAttributes(attributes)
  if (data !== null && encoded !== null) return unreadable('CloudEvents with data and data_base64')
  const contentType = attributes.datacontenttype ?? ''
  if (typeof contentType !== 'string') return unreadable('CloudEvents datacontenttype that is no text')
  if (encoded !== null)
    return sourceRecord(record, await readData(fromBase64(encoded), contentType.toLowerCase(), readAvro), attributes)
  if (data !== null && !isJson(contentType.toLowerCase())) return unreadableData(contentType)
  return sourceRecord(record, data, attributes)
}

const isJson = (contentType: string): boolean => contentType === '' || /[/+]json\b/.test(contentType)
const unreadableData = (contentType: string): never => unreadable(`CloudEvents data of content type ${contentType}`)

/** @param contentType in lower case; empty: JSON */
function readData(bytes: Buffer, contentType: string, readAvro: AvroReader | null): unknown {
  if (isJson(contentType)) return decodeJson(bytes)
  return readAvro && contentType.includes('avro') ? readAvro(bytes) : unreadableData(contentType)
}

/** Node's own decoder passes over what is no base64. */
function fromBase64(text: unknown): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : null
  return bytes?.toString('base64') === text ? bytes! : unreadable('CloudEvents data_base64 that is no base64')
}

function readEvent(record: LogRecord, readAvro: AvroReader | null): Promise<SourceRecord> {
  const contentType = record.headers['content-type']?.toString().toLowerCase() ?? ''
  if (contentType.startsWith('application/cloudevents-batch')) return unreadable('CloudEvents batches are not read')
  if (!contentType.startsWith('application/cloudevents')) return binaryEvent(record, contentType, readAvro)
  if (!contentType.includes('+json')) return unreadable(`CloudEvents format ${contentType}`)
  return structuredEvent(record, readAvro)
}

/** The reader of a source. */
export function createReader(source: Pick<CompiledSource, 'format' | 'type'>, registry: Registry | undefined): Reader {
  const readAvro = source.type || registry ? avroReader(source.type, registry) : null
  return async record => {
    if (source.format === 'cloudevents') return readEvent(record, readAvro)
    if (record.value === null) return unreadable('no value')
    return sourceRecord(record, source.format === 'avro' ? await readAvro!(record.value) : decodeJson(record.value))
  }
}
