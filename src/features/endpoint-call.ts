/**
 * One call of an OpenAI-compatible embeddings endpoint: `POST {url}/embeddings` with {model, input: [...]}. What may pass (no
 * answer, 408, 429, 5xx, a body that is no JSON) is tried again with exponential backoff and full jitter, or after what
 * Retry-After says, then ENCODER_UNAVAILABLE; so is what is no text's fault (a wrong key or path). Any other 4xx is
 * ENCODER_REFUSED. The key is never logged.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { FeedloopError, isRetryable } from '../errors.ts'

export type EndpointConfig = Config['features']['endpoint']

const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 30_000

const answerSchema = z.object({
  data: z.array(z.object({ index: z.number().int().nonnegative(), embedding: z.array(z.unknown()) })),
})

/** A failure that may pass; `afterMs` where the server said when. */
class Unavailable extends FeedloopError {
  readonly afterMs: number | undefined
  constructor(detail: string, afterMs?: number) {
    super('ENCODER_UNAVAILABLE', detail)
    this.afterMs = afterMs
  }
}

/** What every call needs. `signal` ends calls and waits. */
export interface Caller {
  readonly config: EndpointConfig
  readonly key: string | undefined
  readonly signal: AbortSignal
}

/** @returns the embeddings in the order of the texts @throws FeedloopError ENCODER_UNAVAILABLE, ENCODER_REFUSED */
export const embeddings = (caller: Caller, texts: readonly string[]): Promise<unknown[][]> =>
  withRetries(caller, () => post(caller, texts))

async function post({ config, key, signal }: Caller, texts: readonly string[]): Promise<unknown[][]> {
  const response = await fetch(`${config.url.replace(/\/$/, '')}/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model: config.model, input: texts }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(config.timeoutMs)]),
  }).catch(unavailable)
  if (!response.ok) {
    await response.body?.cancel().catch(() => {})
    return failed(response)
  }
  return inOrder(await response.json().catch(unavailable), texts.length)
}

const unavailable = (error: Error): never => {
  const cause = error.cause as Error | undefined
  throw new Unavailable(`${error.message}${cause?.message ? `: ${cause.message}` : ''}`)
}

function failed(response: Response): never {
  const detail = `HTTP ${response.status}`
  if (response.status >= 500 || response.status === 429 || response.status === 408)
    throw new Unavailable(detail, retryAfterMs(response.headers.get('retry-after'), Date.now()))
  // a wrong key or path is no fault of the texts: they must wait, not go to the dead letters
  if ([401, 403, 404, 405].includes(response.status)) throw new Unavailable(`${detail}: check url, model and keyFile`)
  return refuse(detail)
}

/** Servers may answer in any order; every index must be there once. */
function inOrder(answer: unknown, count: number): unknown[][] {
  const parsed = answerSchema.safeParse(answer)
  if (!parsed.success) throw new Unavailable('the answer is no list of embeddings')
  const ordered = new Array<unknown[]>(count)
  for (const { index, embedding } of parsed.data.data) ordered[index] = embedding
  const incomplete = ordered.includes(undefined as never) // sees holes, as indexOf does not
  if (incomplete || ordered.length !== count || parsed.data.data.length !== count)
    throw new Unavailable(`${parsed.data.data.length} embeddings for ${count} texts`)
  return ordered
}

/** Seconds or an HTTP date, as ms from `nowMs`; undefined when absent or unreadable. */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? 1000 * Number(header) : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), MAX_BACKOFF_MS) : undefined
}

async function withRetries<T>({ config, signal }: Caller, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!isRetryable(error) || attempt >= config.retries || signal.aborted) throw error
      const backoffMs = Math.random() * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt)
      const waitMs = (error instanceof Unavailable ? error.afterMs : undefined) ?? backoffMs
      await sleep(waitMs, undefined, { signal }).catch(unavailable)
    }
  }
}

export function refuse(detail: string): never {
  throw new FeedloopError('ENCODER_REFUSED', detail)
}
