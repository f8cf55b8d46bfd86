/**
 * The wire behind wire.ts. `encode` and `decode` never wait: what they do not know is a code, and `learn` is the only
 * call that talks to the registry after the start. Each value is laid out once, in a buffer that is used over and over,
 * and checked while it is written (types.ts).
 */
import type avro from 'avsc'
import { FeedloopError } from '../../errors.ts'
import { type TopicName, topicName, topics } from '../../pipeline.ts'
import { fingerprintOf } from './fingerprint.ts'
import { compilePassing } from './passing.ts'
import { connectRegistry, type Registry, type RegistryConfig } from './registry.ts'
import { currentSchemas, releasedSchemas, releases, type Shipped } from './schemas.ts'
import { createSlab, layOut } from './slab.ts'
import { explain } from './types.ts'
import type { Wanted, Wire } from './wire.ts'

export interface WireOptions {
  readonly registry?: Omit<RegistryConfig, 'url'> & { readonly url?: string }
  readonly prefix: string
}

const CONFLUENT_HEADER = 5
const SINGLE_OBJECT_HEADER = 10

/** A registry id, or a fingerprint: what a record says of its writer's schema. */
type WriterKey = number | bigint

/** What the wire knows of one topic. */
interface Codec {
  /** What values are read as. */
  readonly type: avro.Type
  /** What they are written as. */
  readonly writes: avro.Type
  /** The framing put before each value. */
  readonly header: Buffer
  /** How to read what was written as `writes`; undefined when that is what is read. */
  readonly own: Resolver | undefined
  /** How to read values of a writer: as `own` those with our own schema. */
  readonly resolvers: Map<WriterKey, Resolver | undefined>
}
type Resolver = ReturnType<avro.Type['createResolver']>
type Codecs = Map<TopicName, Codec>

/** @throws FeedloopError REGISTRY_UNAVAILABLE, REGISTRY_REFUSED */
export async function createWire(options: WireOptions): Promise<Wire> {
  const { url } = options.registry ?? {}
  const registry = url ? await connectRegistry({ ...options.registry, url }) : undefined
  const writers = new Map<WriterKey, avro.Type>()
  for (const { type } of [...releases().flatMap(releasedSchemas), ...currentSchemas()])
    writers.set(fingerprintOf(type), type)
  return wireOf(await makeCodecs(options.prefix, registry, writers), registry, writers)
}

function wireOf(codecs: Codecs, registry: Registry | undefined, writers: Map<WriterKey, avro.Type>): Wire {
  const codecOf = (topic: TopicName): Codec => {
    const codec = codecs.get(topic)
    if (!codec) throw new FeedloopError('RECORD_INVALID', `topic ${topic} holds bytes, not records`)
    return codec
  }
  return {
    encode: (topic, value) => encode(codecOf(topic), value),
    decode: (topic, bytes) => decode(codecOf(topic), writers, bytes),
    learn: bytes => learn(registry, writers, bytes),
    narrowed: (wanted, passed) => wireOf(narrowedCodecs(codecs, wanted, passed), registry, writers),
  }
}

function narrowedCodecs(codecs: Codecs, wanted: Wanted, passed: readonly string[]): Codecs {
  const schemas = new Map(currentSchemas().map(each => [each.name, each.schema]))
  const narrowed = new Map(codecs)
  for (const [topic, fields] of Object.entries(wanted) as [TopicName, readonly string[]][]) {
    const { writes: whole, header, resolvers } = codecs.get(topic)!
    const schema = schemas.get(topics[topic].schema!)
    const type = compilePassing(schema, passed, fields)
    const own = type.createResolver(whole)
    const known = [...resolvers.keys()].filter(writer => resolvers.get(writer) === undefined)
    const writes = compilePassing(schema, passed)
    narrowed.set(topic, { type, writes, header, own, resolvers: new Map(known.map(writer => [writer, own])) })
  }
  return narrowed
}

async function makeCodecs(prefix: string, registry: Registry | undefined, writers: Map<WriterKey, avro.Type>) {
  const shipped = new Map(currentSchemas().map(each => [each.name, each]))
  const codecs: Codecs = new Map()
  for (const topic of Object.keys(topics) as TopicName[]) {
    const name = topics[topic].schema
    if (name === null) continue
    const { type, schema } = shipped.get(name) as Shipped
    const fingerprint = fingerprintOf(type)
    const resolvers: Codec['resolvers'] = new Map([[fingerprint, undefined]])
    let header = singleObjectHeader(fingerprint)
    if (registry) {
      const id = await registry.register(`${topicName(prefix, topic)}-value`, schema)
      writers.set(id, type)
      resolvers.set(id, undefined)
      header = confluentHeader(id)
    }
    codecs.set(topic, { type, writes: type, header, own: undefined, resolvers })
  }
  return codecs
}

function singleObjectHeader(fingerprint: bigint): Buffer {
  const header = Buffer.from([0xc3, 0x01, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeBigUInt64LE(fingerprint, 2)
  return header
}

function confluentHeader(id: number): Buffer {
  const header = Buffer.alloc(CONFLUENT_HEADER)
  header.writeUInt32BE(id, 1)
  return header
}

const sent = createSlab()

function encode({ writes: type, header }: Codec, value: unknown): Buffer {
  try {
    const bytes = layOut(type, value, header)
    return sent(bytes, 0, bytes.length)
  } catch (error) {
    throw explain(type, value, error)
  }
}

/** @returns null when the framing is unknown */
function writerOf(bytes: Buffer): WriterKey | null {
  if (bytes[0] === 0xc3 && bytes[1] === 0x01 && bytes.length >= SINGLE_OBJECT_HEADER) return bytes.readBigUInt64LE(2)
  if (bytes[0] === 0x00 && bytes.length >= CONFLUENT_HEADER) return bytes.readUInt32BE(1)
  return null
}

const showWriter = (writer: WriterKey): string =>
  typeof writer === 'number' ? `schema id ${writer}` : `fingerprint ${writer.toString(16).padStart(16, '0')}`

function decode(codec: Codec, writers: ReadonlyMap<WriterKey, avro.Type>, bytes: Buffer): unknown {
  const own = bytes.length > codec.header.length && codec.header.compare(bytes, 0, codec.header.length) === 0
  if (own) return decodeBody(codec.type, bytes, codec.header.length, codec.own)
  const writer = writerOf(bytes)
  if (writer === null)
    throw new FeedloopError('WIRE_UNKNOWN_FRAMING', `begins with ${bytes.toString('hex', 0, 4) || 'nothing'}`)
  const start = typeof writer === 'number' ? CONFLUENT_HEADER : SINGLE_OBJECT_HEADER
  return decodeBody(codec.type, bytes, start, resolverFor(codec, writers, writer))
}

function resolverFor(codec: Codec, writers: ReadonlyMap<WriterKey, avro.Type>, writer: WriterKey) {
  if (codec.resolvers.has(writer)) return codec.resolvers.get(writer)
  const type = writers.get(writer)
  if (!type) throw new FeedloopError('WIRE_SCHEMA_UNKNOWN', showWriter(writer))
  let resolver: Resolver
  try {
    resolver = codec.type.createResolver(type)
  } catch (cause) {
    const detail = `${showWriter(writer)} (${type.name}) cannot be read as ${codec.type.name}: ${(cause as Error).message}`
    throw new FeedloopError('WIRE_DECODE_FAILED', detail.slice(0, 500), { cause })
  }
  codec.resolvers.set(writer, resolver)
  return resolver
}

function decodeBody(type: avro.Type, bytes: Buffer, start: number, resolver: Resolver | undefined): unknown {
  let decoded: { value: unknown; offset: number }
  try {
    decoded = type.decode(bytes, start, resolver)
  } catch (cause) {
    if (cause instanceof FeedloopError) throw cause
    throw new FeedloopError('WIRE_DECODE_FAILED', `${type.name}: ${(cause as Error).message}`, { cause })
  }
  if (decoded.offset === bytes.length) return decoded.value
  const what = decoded.offset < 0 ? 'ends too early' : `has ${bytes.length - decoded.offset} bytes too many`
  throw new FeedloopError('WIRE_DECODE_FAILED', `${type.name}: the value ${what}`)
}

async function learn(registry: Registry | undefined, writers: Map<WriterKey, avro.Type>, bytes: Buffer) {
  const writer = writerOf(bytes)
  if (writer === null) return false
  if (writers.has(writer)) return true
  if (!registry || typeof writer !== 'number') return false
  const type = await registry.fetch(writer)
  if (type) writers.set(writer, type)
  return type !== null
}
