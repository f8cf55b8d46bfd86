/**
 * The ranker's rows as bytes, in memory (src/state/packed) and on disk, by Avro schemas of their own. What a decision
 * changes of a person (sessions) is apart from what an event does (the history), which is ten times as large.
 */
import { createHash } from 'node:crypto'
import avro from 'avsc'
import { currentSchema } from '../log/wire/schemas.ts'
import type { Tap, TypeHook } from '../log/wire/types.ts'
import { avroCodec } from '../state/codec.ts'
import type { Codec } from '../state/table.ts'
import type { Person, Session } from '../state/user.ts'
import type { Ages, Page } from './decided.ts'
import type { Unsaved } from './saving.ts'
import type { RankerRows } from './state.ts'

const record = (name: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
})
const list = (items: unknown) => ({ type: 'array', items })

/** Types that a byte stands for; new ones may be added at the end. */
const types: readonly string[] = [
  'impression',
  'click',
  'view',
  'purchase',
  'rating',
  'dwell',
  'share',
  'like',
  'skip',
  'hide',
  'dislike',
  'refund',
]

/** An event type: its place among those, from 1 on, or 0 and the text. */
class EventType extends avro.types.StringType {
  _read(tap: Tap): string {
    const place = tap.readLong()
    return place === 0 ? tap.readString() : types[place - 1]!
  }
  _write(tap: Tap, type: string): void {
    const place = types.indexOf(type) + 1
    tap.writeLong(place)
    if (place === 0) tap.writeString(type)
  }
  _skip(tap: Tap): void {
    if (tap.readLong() === 0) tap.skipString()
  }
}
const eventType = { type: 'string', logicalType: 'event-type' }
const wellKnown: TypeHook = part => (part === eventType ? new EventType() : undefined)

const past = { eventHash: 'double', itemId: 'string', type: eventType, timeMs: 'long', value: 'double' }
const session = { policy: 'string', id: 'string', lastDecisionId: 'string', step: 'int', lastTimeMs: 'long' }
const schemas = {
  people: record('Person', {
    history: list(record('Past', past)),
    counts: { type: 'map', values: 'long' },
    profile: ['null', currentSchema('UserFeatures')],
  }),
  sessions: list(record('Session', session)),
  decided: 'long',
  pages: record('Page', { ids: list(record('DecidedId', { id: 'string', timeMs: 'long' })), before: 'string' }),
  unsaved: record('Unsaved', { before: 'string', keys: list('string') }),
  ages: record('Ages', {
    newestMs: 'long',
    buckets: list(record('Bucket', { number: 'long', newestMs: 'long', page: 'string' })),
  }),
}

/** Rows that were laid out by other schemas can't be read: what is on disk names these. */
const layoutPrint = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16)

/** Raised when rows change their meaning without changing their shape. */
const ROWS = 1

/** All that the rows' bytes depend on. Not the configuration: what was kept of a person by other rules is still true. */
export const rankerVersion: string = JSON.stringify([ROWS, layoutPrint])

/** Rows of keys that come in no order are small, so that many of them share a page; a person's is half a page by itself. */
export const rankerCodecs: { readonly [K in keyof RankerRows]: Codec<RankerRows[K]> } = {
  people: avroCodec<Person>(schemas.people, wellKnown),
  sessions: { ...avroCodec<readonly Session[]>(schemas.sessions), scattered: true },
  decided: { ...avroCodec<number>(schemas.decided), scattered: true, filtered: true },
  pages: avroCodec<Page>(schemas.pages),
  unsaved: avroCodec<Unsaved>(schemas.unsaved),
  ages: avroCodec<Ages>(schemas.ages),
}
