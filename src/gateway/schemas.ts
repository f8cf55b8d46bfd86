/** What the door takes and gives as JSON Schemas, derived from schemas/*.avsc; what is added stands here and nowhere else. */
import type { BehaviorEvent, Item, Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { currentSchema } from '../log/wire/schemas.ts'
import { answerFields } from './answers.ts'
import { type AvroRecord, type JsonSchema, objectOf } from './json-schema.ts'

/** The body of POST /v1/recommendations, with defaults filled in: a Request, but for the time, which is its arrival. */
export interface Wish extends Omit<Request, 'time_ms'> {
  /** How long the caller waits, ms from the arrival. */
  readonly timeout_ms: number | null
}

export interface EventsBody {
  readonly events: readonly BehaviorEvent[]
}

/** A state of an item; its time, where it is left out, is its arrival. */
export type ItemState = Omit<Item, 'time_ms'> & Partial<Pick<Item, 'time_ms'>>

export interface ItemsBody {
  readonly items: readonly ItemState[]
}

const record = (name: string): AvroRecord => currentSchema(name) as AvroRecord

const items: JsonSchema = {
  type: 'array',
  items: { type: 'string' },
  description: 'Item ids to show, in order; empty: none, for `reason`.',
}

/** @param most longest wait that may be asked for, ms */
export function wishSchema({ maxTimeoutMs: most, timeoutMs }: Config['gateway']): JsonSchema {
  const request = record('Request')
  const fields = request.fields.map(({ name }) => name).filter(name => name !== 'time_ms')
  const body = objectOf(request, 'in', fields)
  const timeout = {
    type: ['integer', 'null'],
    minimum: 1,
    maximum: most,
    default: null,
    description: `How long the caller waits, ms from the arrival; null: ${timeoutMs}. With \`deadline_ms\`, whichever is over first.`,
  }
  return { ...body, properties: { ...(body.properties as object), timeout_ms: timeout } }
}

/** Of a call's records. */
const WHOLE =
  'When one is invalid, nothing is appended; after 413 or 503 some of it may be, and it may be sent again whole.'

export const eventsSchema = ({ maxEvents }: Config['gateway']): JsonSchema => ({
  type: 'object',
  description: `What people did. ${WHOLE}`,
  required: ['events'],
  additionalProperties: false,
  properties: {
    events: { type: 'array', minItems: 1, maxItems: maxEvents, items: objectOf(record('BehaviorEvent'), 'in') },
  },
})

/** Longest text of an item, code points: an encoder reads less. */
const MAX_PROSE = 1 << 16

export function itemsSchema({ maxEvents }: Config['gateway']): JsonSchema {
  const item = objectOf(record('Item'), 'in')
  const properties = item.properties as Readonly<Record<string, JsonSchema>>
  const text = { ...properties.text, maxLength: MAX_PROSE }
  return {
    type: 'object',
    description: `States of items; of one without \`time_ms\` it is the arrival. ${WHOLE}`,
    required: ['items'],
    additionalProperties: false,
    properties: {
      items: {
        type: 'array',
        minItems: 1,
        maxItems: maxEvents,
        items: { ...item, required: ['item_id'], properties: { ...properties, text } },
      },
    },
  }
}

const loggedSchema = (): JsonSchema => {
  const { properties } = objectOf(record('Recommendation'), 'out', answerFields)
  const all = { logged: { const: true }, items, ...(properties as object) }
  return {
    type: 'object',
    description: 'A decision, accepted and logged.',
    required: Object.keys(all),
    additionalProperties: false,
    properties: all,
  }
}

const unloggedSchema: JsonSchema = {
  type: 'object',
  description: "The caller's own baseline, because the log is away: no decision, never learned.",
  required: ['logged', 'items', 'reason'],
  additionalProperties: false,
  properties: { logged: { const: false }, items, reason: { const: 'log_unavailable' } },
}

export const answerSchema = (): JsonSchema => ({ oneOf: [loggedSchema(), unloggedSchema] })

export const appendedSchema: JsonSchema = {
  type: 'object',
  required: ['appended'],
  additionalProperties: false,
  properties: { appended: { type: 'integer', description: 'Records that the log has acknowledged.' } },
}

const objectWith = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  required: Object.keys(properties),
  additionalProperties: false,
  properties,
})
const text = { type: 'string' }
const timeMs = { type: 'integer', description: 'ms since the epoch.' }

export const userAnswerSchema = (): JsonSchema => {
  const { properties } = objectOf(record('UserFeatures'), 'out', profileFields)
  const past = { item_id: text, type: text, time_ms: timeMs, value: { type: 'number' } }
  const session = {
    policy: text,
    session_id: text,
    last_decision_id: text,
    decisions: { type: 'integer', description: 'With a slate.' },
    last_time_ms: timeMs,
  }
  return {
    ...objectWith({
      user_id: text,
      partition: { type: 'integer', description: 'Of the per-user topics.' },
      history: { type: 'array', items: objectWith(past), description: 'Last interactions, newest first.' },
      counts: { type: 'object', additionalProperties: { type: 'integer' }, description: 'Events so far by type.' },
      profile: { ...objectWith(properties as Record<string, JsonSchema>), type: ['object', 'null'] },
      sessions: { type: 'array', items: objectWith(session), description: 'Last decided first.' },
    }),
    description: 'What the ranker knows of a user, as the next decision would see it.',
  }
}
const profileFields = ['profile_version', 'encoder_version', 'attributes', 'time_ms'] as const

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'RFC 9457; `code` is one of docs/errors.md.',
  required: ['type', 'title', 'status', 'detail', 'code', 'remedy'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    remedy: { type: 'string' },
  },
}
