/**
 * The joiner's rows as bytes, in memory (src/state/packed) and on disk, by Avro schemas of their own. A join's state and candidates are
 * the wire's own bytes already and stay so.
 */
import { createHash } from 'node:crypto'
import avro from 'avsc'
import { currentSchema } from '../log/wire/schemas.ts'
import type { Tap, TypeHook } from '../log/wire/types.ts'
import { avroCodec, jsonCodec } from '../state/codec.ts'
import { decisionFields } from './decision.ts'
import type { Join } from './join.ts'
import type { JoinerRows } from './state.ts'

interface Field {
  readonly name: string
  readonly type: unknown
}
const record = (name: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
})
const list = (items: unknown) => ({ type: 'array', items })
const orNull = (type: unknown) => ['null', type]

/** The fields of the wire's own record that the joiner keeps. What it does not look into is `bytes`, see `Unread`. */
function decisionSchema() {
  const { fields, ...rest } = currentSchema('Recommendation') as { readonly fields: readonly Field[] }
  const kept = fields.filter(({ name }) => (decisionFields as readonly string[]).includes(name))
  const isUnread = ({ name }: Field): boolean => name === 'state' || name === 'candidates'
  return { ...rest, fields: kept.map(field => (isUnread(field) ? { name: field.name, type: 'bytes' } : field)) }
}

const objects = jsonCodec()

/** Bytes as they are, read without a copy; what came as objects, from elsewhere than a bus, has a length below zero. */
class Unread extends avro.types.BytesType {
  _read(tap: Tap): unknown {
    const length = tap.readLong()
    tap.pos += Math.abs(length)
    const bytes = tap.buf.subarray(tap.pos - Math.abs(length), tap.pos)
    return length < 0 ? objects.decode(bytes) : bytes
  }
  _write(tap: Tap, value: unknown): void {
    const bytes = Buffer.isBuffer(value) ? value : objects.encode(value)
    tap.writeLong(bytes === value ? bytes.length : -bytes.length)
    tap.writeFixed(bytes)
  }
}

/** What changes of a join, beside its decision. */
const course = {
  kind: { type: 'enum', name: 'JoinKind', symbols: ['open', 'expired', 'shed', 'empty'] },
  active: 'boolean',
  outcomes: list(
    record('Outcome', {
      id: 'string',
      type: 'string',
      slot: 'int',
      value: orNull('double'),
      timeMs: 'long',
      parts: 'int',
    }),
  ),
  emitted: list(
    record('Emitted', {
      revision: 'int',
      cumulative: { type: 'map', values: 'double' },
      nextId: orNull('string'),
      terminated: 'boolean',
      truncated: 'boolean',
    }),
  ),
}

const sessionSchema = record('Session', {
  members: list(record('Member', { id: 'string', timeMs: 'long', step: 'int' })),
  leaveMs: 'long',
})

const touchSchema = () =>
  record('Touch', {
    shown: list(record('Shown', { id: 'string', policy: 'string', timeMs: 'long' })),
    events: list(
      record('Touching', {
        event: currentSchema('BehaviorEvent'),
        to: list('string'),
        fixed: 'boolean',
        counted: 'boolean',
        follows: orNull('string'),
      }),
    ),
  })

const waitingSchema = () =>
  list(
    record('Input', {
      topic: 'string',
      partition: 'int',
      offset: 'long',
      key: orNull('string'),
      value: currentSchema('BehaviorEvent'),
      timestampMs: 'double',
      headers: { type: 'map', values: 'bytes' },
    }),
  )

const seenSchema = record('Seen', {
  hash: 'double',
  awaits: orNull('string'),
  touch: orNull('string'),
  left: orNull('string'),
})

const unread: TypeHook = part => (part === 'bytes' ? new Unread() : undefined)

const decision = decisionSchema()
const schemas = {
  decision,
  course: record('Course', course),
  joins: record('Join', { decision, ...course }),
  sessions: sessionSchema,
  touches: touchSchema(),
  waiting: waitingSchema(),
  seen: seenSchema,
  pages: record('TimerPage', { ids: list('string'), full: 'int' }),
}

/** Rows that were laid out by other schemas can't be read: what is on disk names these. */
export const layoutPrint = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16)

/** A join in its two parts: the decision never changes. */
export const joinParts = {
  decision: avroCodec<Join['decision']>(schemas.decision, unread),
  course: avroCodec<Omit<Join, 'decision'>>(schemas.course),
}

export const layouts = {
  joins: avroCodec<Join>(schemas.joins, unread),
  sessions: avroCodec<JoinerRows['sessions']>(schemas.sessions),
  touches: avroCodec<JoinerRows['touches']>(schemas.touches),
  waiting: avroCodec<JoinerRows['waiting']>(schemas.waiting),
  seen: avroCodec<JoinerRows['seen']>(schemas.seen),
  pages: avroCodec<JoinerRows['pages']>(schemas.pages),
}
