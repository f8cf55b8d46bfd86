/**
 * Spans, W3C trace context, and their way out: OTLP over HTTP as JSON (opentelemetry-proto 1.x), which every collector takes. The
 * SDK would be twelve packages and 28 MB for the two formats that are here.
 */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { readSecret } from '../secrets.ts'

/** Who a span is, for those that come after it. */
export interface SpanContext {
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
}

/** A finished span. */
export interface Span extends SpanContext {
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: keyof typeof kinds
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string | number>>
  readonly links: readonly SpanContext[]
  readonly failed?: boolean
}

const kinds = { server: 2, producer: 4, consumer: 5 } as const

/** `traceparent` of a call or record: null where there is none that is well formed. `sampled`: whether it is to be kept. */
export function parseTraceparent(text: string | undefined): (SpanContext & { readonly sampled: boolean }) | null {
  const [, traceId, spanId, flags] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(text ?? '') ?? []
  if (!traceId || text!.startsWith('ff') || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export const traceparentOf = ({ traceId, spanId }: SpanContext): string => `00-${traceId}-${spanId}-01`

/** The context of a new span: within the trace of its parent, or of a new one. */
export const newContext = (parent?: SpanContext): SpanContext => ({
  traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
})

export interface ExportOptions {
  /** The collector's `…/v1/traces`. */
  readonly endpoint: string
  readonly tokenFile?: string
  readonly service: string
  readonly logger: Logger
}

export interface SpanExport {
  add(span: Span): void
  /** Sends what is left, once, and gives that up after a few seconds. */
  close(): Promise<void>
}

const EVERY_MS = 1000
const BATCH = 512
/** More wait for no collector: spans are dropped, and counted, before they are memory. */
const MOST_WAITING = 8192
const TIMEOUT_MS = 5000
/** Of the end: who is asked to stop is killed when it takes long, and spans are no reason. */
const CLOSE_MS = 3000

/** What a collector may take later; of any other refusal OTLP says that the same batch must not be sent again. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Sends in batches from a timer: no span is worth a wait. What no collector answered for, or not yet, waits for the next
 * turn; a batch that was refused is dropped. */
export function createExport({ endpoint, tokenFile, service, logger }: ExportOptions): SpanExport {
  let waiting: Span[] = []
  let dropped = 0
  let sending: Promise<void> | undefined
  const closing = new AbortController()
  /** @returns why they are not taken, and whether they may be later @throws when nobody answers */
  const post = async (spans: readonly Span[]): Promise<{ error?: string; later?: boolean }> => {
    const token =
      tokenFile === undefined ? {} : { authorization: `Bearer ${readSecret(tokenFile, 'tracing.tokenFile')}` }
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...token },
      body: JSON.stringify(otlp(service, spans)),
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), closing.signal]),
    })
    await response.body?.cancel()
    return response.ok ? {} : { error: `HTTP ${response.status}`, later: retryable.has(response.status) }
  }
  const flush = async (): Promise<void> => {
    let trouble: string | undefined
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH)
      const { error, later } = await post(batch).catch(thrown => ({ error: String(thrown), later: true }))
      trouble = error ?? trouble
      if (later) break
      if (error !== undefined) dropped += batch.length
      waiting = waiting.slice(batch.length)
    }
    if (trouble !== undefined)
      logger.warn({ endpoint, waiting: waiting.length, dropped, error: trouble }, 'spans are not taken')
  }
  const timer = setInterval(() => {
    sending ??= flush().finally(() => {
      sending = undefined
    })
  }, EVERY_MS).unref()
  return {
    add(span) {
      if (waiting.length < MOST_WAITING) waiting.push(span)
      else dropped++
    },
    async close() {
      clearInterval(timer)
      const late = setTimeout(() => closing.abort(new Error(`not answered in ${CLOSE_MS} ms`)), CLOSE_MS)
      await sending
      await flush()
      clearTimeout(late)
    },
  }
}

const keyValue = ([key, value]: [string, string | number]) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : { doubleValue: value },
})
const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n)

/** ExportTraceServiceRequest. */
const otlp = (service: string, spans: readonly Span[]) => ({
  resourceSpans: [
    {
      resource: { attributes: [keyValue(['service.name', service])] },
      scopeSpans: [
        {
          scope: { name: 'feedloop' },
          spans: spans.map(({ kind, startMs, endMs, attributes, failed, ...span }) => ({
            ...span,
            kind: kinds[kind],
            startTimeUnixNano: nanos(startMs),
            endTimeUnixNano: nanos(endMs),
            attributes: Object.entries(attributes).map(keyValue),
            status: failed ? { code: 2 } : {},
          })),
        },
      ],
    },
  ],
})
