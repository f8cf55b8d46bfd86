/**
 * Traces across topics. A stage's log is wrapped: what it reads with a `traceparent` header is noted by the record's id, what it appends
 * gets the header of a span of its own, whose parent, or links, are what was noted. So steps stay pure, records stay as they are, and
 * with tracing off nothing is wrapped and nothing costs.
 *
 *   gateway: the call -> request, events | ranker: decide, in the call's trace -> recommendation
 *   joiner: join, in the decision's trace, links the decision and its outcomes -> transition
 *   learner: version, links the joins that it was made after -> model | gate: release, in the version's trace -> release
 *
 * What is noted is in memory and bounded: after a restart, or much later, a link may be missing. A step that loses its race has left a
 * span of what did not count.
 */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Log, LogRecord, NewRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import { type StageName, type TopicName, topicName, topics } from '../pipeline.ts'
import { type Fields, idsOf, type Made, madeOf, wantedFields } from './records.ts'
import { createExport, newContext, parseTraceparent, type Span, type SpanContext, traceparentOf } from './spans.ts'

/** The trace of what has this id (records.ts), in a stage that has read or made it; undefined: it was not traced. */
export type TraceOf = (id: string) => string | undefined

export interface Tracer {
  /** The stage's own view of the log. */
  log(stage: StageName, log: Log, wire: Wire): Log
  traceOf(stage: StageName): TraceOf
  /** A call at the gateway begins. @returns its trace, where it has one, and what ends it */
  call(route: string, traceparent: string | undefined, body: unknown): TracedCall
  close(): Promise<void>
}

export interface TracedCall {
  readonly traceId?: string
  end(status: number): void
}

/** Ids that are remembered, by stage. */
const MOST_NOTED = 50_000
/** Links of one span; more say no more. */
const MOST_LINKS = 128

/** @returns undefined where the configuration names no collector */
export function createTracer(
  { tracing }: Config,
  service: string,
  logger: Logger,
  now: () => number,
): Tracer | undefined {
  const { endpoint, tokenFile, ratio } = tracing
  if (endpoint === undefined) return undefined
  const out = createExport({ endpoint, tokenFile, service, logger })
  const notes = new Map<StageName, Notes>()
  const notesOf = (stage: StageName): Notes => {
    if (!notes.has(stage)) notes.set(stage, createNotes())
    return notes.get(stage)!
  }
  const calls = notesOf('gateway')
  const end = (span: Omit<Span, 'endMs'>): void => out.add({ ...span, endMs: now() })
  return {
    log: (stage, log, wire) => tracedLog({ stage, log, wire, now, end, notes: notesOf(stage) }),
    traceOf: stage => id => notesOf(stage).of(id).at(-1)?.context.traceId,
    call(route, traceparent, body) {
      const parent = parseTraceparent(traceparent)
      if (parent ? !parent.sampled : Math.random() >= ratio) return { end() {} }
      const context = newContext(parent ?? undefined)
      const startMs = now()
      for (const id of idsInBody(body)) calls.note(id, { context, atMs: startMs })
      return {
        traceId: context.traceId,
        end: status =>
          end({
            ...context,
            ...(parent && { parentSpanId: parent.spanId }),
            name: route,
            kind: 'server',
            startMs,
            attributes: { 'http.route': route, 'http.response.status_code': status },
            links: [],
            ...(status >= 500 && { failed: true }),
          }),
      }
    },
    close: () => out.close(),
  }
}

/** Ids under which the gateway will append what came with a call. */
function idsInBody(body: unknown): string[] {
  const { request_id, events } = (body ?? {}) as { request_id?: unknown; events?: readonly { event_id?: unknown }[] }
  const told = Array.isArray(events) ? events.map(each => `event ${each?.event_id}`) : []
  return typeof request_id === 'string' ? [`decision ${request_id}`, ...told] : told
}

interface Noted {
  readonly context: SpanContext
  readonly atMs: number
}

function createNotes() {
  const noted = new Map<string, Noted[]>()
  return {
    get empty() {
      return noted.size === 0
    },
    note(id: string, what: Noted): void {
      const known = noted.get(id) ?? []
      if (known.length < MOST_LINKS) known.push(what)
      noted.set(id, known)
      if (noted.size > MOST_NOTED) noted.delete(noted.keys().next().value!)
    },
    of: (id: string): readonly Noted[] => noted.get(id) ?? [],
    take(id: string): readonly Noted[] {
      const found = noted.get(id) ?? []
      noted.delete(id)
      return found
    },
  }
}
type Notes = ReturnType<typeof createNotes>

interface Traced {
  readonly stage: StageName
  readonly log: Log
  readonly wire: Wire
  readonly now: () => number
  readonly notes: Notes
  readonly end: (span: Omit<Span, 'endMs'>) => void
}

function tracedLog(traced: Traced): Log {
  const { log, stage, notes, now, end } = traced
  const narrow = traced.wire.narrowed?.(wantedFields, []) ?? traced.wire
  const names = new Map<string, TopicName>()
  /** By the end of its name, since the prefix is not known here. */
  const topicOf = (topic: string): TopicName | undefined => {
    if (!names.has(topic)) {
      const found = (Object.keys(topics) as TopicName[]).find(
        name => topicName(topic.slice(0, -name.length), name) === topic,
      )
      if (found) names.set(topic, found)
    }
    return names.get(topic)
  }
  const decoded = (topic: TopicName, { value }: Pick<LogRecord, 'value'>): Fields | undefined => {
    try {
      return value === null ? undefined : (narrow.decode(topic, value) as Fields)
    } catch {
      return undefined
    }
  }
  const noteRead = (topic: TopicName, record: LogRecord): void => {
    const context = parseTraceparent(record.headers.traceparent?.toString())
    const fields = context?.sampled ? decoded(topic, record) : undefined
    if (fields) for (const id of idsOf(topic, fields)) notes.note(id, { context: context!, atMs: now() })
  }
  /** A repeated append of the same records is the same span. */
  const made = new WeakMap<NewRecord, { readonly record: NewRecord; readonly span?: Omit<Span, 'endMs'> }>()
  const trace = (topic: TopicName, record: NewRecord) => {
    const known = made.get(record)
    if (known) return known
    const fields = topic in wantedFields ? decoded(topic, record) : undefined
    const span = fields && spanOf(traced, madeOf(stage, topic, fields))
    // a version begins a trace: what is measured of it is found by its id
    if (span && topic === 'models')
      for (const id of idsOf(topic, fields)) notes.note(id, { context: span, atMs: now() })
    const traceparent = span && Buffer.from(traceparentOf(span))
    const result = { record: traceparent ? { ...record, headers: { ...record.headers, traceparent } } : record, span }
    made.set(record, result)
    return result
  }
  return {
    ...log,
    async read(topic, ...rest) {
      const records = await log.read(topic, ...rest)
      const name = topicOf(topic)
      if (name !== undefined) for (const record of records) if (record.headers.traceparent) noteRead(name, record)
      return records
    },
    async append(topic, partition, records) {
      const name = topicOf(topic)
      if (name === undefined || notes.empty) return log.append(topic, partition, records)
      const all = records.map(record => trace(name, record))
      const offset = await log.append(
        topic,
        partition,
        all.map(({ record }) => record),
      )
      for (const { span } of all) if (span) end(span)
      return offset
    },
  }
}

/** The span of what a stage has made; none where nothing that it came of was traced. */
function spanOf({ notes, now, stage }: Traced, made: Made | undefined): Omit<Span, 'endMs'> | undefined {
  if (!made) return undefined
  const parent = made.parent === undefined ? undefined : notes.of(made.parent).at(-1)
  const links = made.links.flatMap(id => notes.take(id)).slice(0, MOST_LINKS)
  if (!parent && links.length === 0) return undefined
  const context = newContext(parent?.context)
  const startMs = Math.min(now(), ...(parent ? [parent.atMs] : []), ...(parent ? [] : links.map(({ atMs }) => atMs)))
  const span = {
    ...context,
    ...(parent && { parentSpanId: parent.context.spanId }),
    name: made.name,
    kind: stage === 'gateway' ? ('producer' as const) : ('consumer' as const),
    startMs,
    attributes: made.attributes,
    links: [...(parent && made.linksParent ? [parent] : []), ...links].map(each => each.context),
  }
  return span
}
