/**
 * The ranker's rows as bytes, in memory (src/state/packed) and on disk, by Avro schemas of their own. What a decision
 * changes of a person (sessions) is apart from what an event does (the history), which is twenty times as large. The
 * types of a history are few and are named once.
 */
import { createHash } from 'node:crypto'
import type { UserFeatures } from '../../schemas/records.ts'
import { currentSchema } from '../log/wire/schemas.ts'
import { avroCodec } from '../state/codec.ts'
import type { Codec } from '../state/table.ts'
import type { PastInteraction, Person, Session } from '../state/user.ts'
import type { Ages } from './decided.ts'
import type { RankerRows } from './state.ts'

const record = (name: string, fields: Readonly<Record<string, unknown>>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
})
const list = (items: unknown) => ({ type: 'array', items })

const past = { eventId: 'string', itemId: 'string', type: 'int', timeMs: 'long', value: 'double' }
const session = { policy: 'string', id: 'string', lastDecisionId: 'string', step: 'int', lastTimeMs: 'long' }
const schemas = {
  people: record('Person', {
    types: list('string'),
    history: list(record('Past', past)),
    counts: { type: 'map', values: 'long' },
    profile: ['null', currentSchema('UserFeatures')],
  }),
  sessions: list(record('Session', session)),
  decided: 'long',
  pages: list('string'),
  ages: record('Ages', {
    newestMs: 'long',
    buckets: list(record('Bucket', { number: 'long', fromMs: 'long', newestMs: 'long', pages: 'int' })),
  }),
}

/** Rows that were laid out by other schemas can't be read: what is on disk names these. */
const layoutPrint = createHash('sha256').update(JSON.stringify(schemas)).digest('hex').slice(0, 16)

/** Raised when rows change their meaning without changing their shape. */
const ROWS = 1

/** All that the rows' bytes depend on. Not the configuration: what was kept of a person by other rules is still true. */
export const rankerVersion: string = JSON.stringify([ROWS, layoutPrint])

interface PersonRow {
  readonly types: readonly string[]
  readonly history: readonly (Omit<PastInteraction, 'type'> & { readonly type: number })[]
  readonly counts: Person['counts']
  readonly profile: UserFeatures | null
}
const personRow = avroCodec<PersonRow>(schemas.people)

function withNumbers({ history, counts, profile }: Person): PersonRow {
  const types = [...new Set(history.map(({ type }) => type))]
  return { types, history: history.map(each => ({ ...each, type: types.indexOf(each.type) })), counts, profile }
}

const people: Codec<Person> = {
  encode: person => personRow.encode(withNumbers(person)),
  layOut: person => personRow.layOut!(withNumbers(person)),
  decode(bytes) {
    const { types, history, counts, profile } = personRow.decode(bytes)
    return { history: history.map(each => ({ ...each, type: types[each.type] })), counts, profile }
  },
}

/** Rows of keys that come in no order are small, so that many of them share a page; a person's is half a page by itself. */
export const rankerCodecs: { readonly [K in keyof RankerRows]: Codec<RankerRows[K]> } = {
  people,
  sessions: { ...avroCodec<readonly Session[]>(schemas.sessions), scattered: true },
  decided: { ...avroCodec<number>(schemas.decided), scattered: true },
  pages: avroCodec<readonly string[]>(schemas.pages),
  ages: avroCodec<Ages>(schemas.ages),
}
