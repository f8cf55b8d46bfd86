/**
 * A client of the gateway: no dependencies, `fetch` only, one file. Every call is repeated while that can help and there is
 * time: 503 and broken connections, never a refusal or a passed deadline. Repeating is safe because ids are made before
 * the first try: the same request id gets the same decision, the same event id counts once.
 */
import type { BehaviorEvent, Item, Request } from '../../schemas/records.ts'
import type { Answer, Appended, Logged, Problem, UserAnswer } from './answers.ts'

export type { Answer, Logged, Problem, Unlogged, UserAnswer } from './answers.ts'

/** Whom to recommend to, and whatever else is to be said. */
export type RecommendOptions = Pick<Request, 'user_id'> & Partial<Omit<Request, 'user_id' | 'time_ms' | 'deadline_ms'>>

/** What a person did; what is left out of a record is null, its id a new one, its time now. */
export type EventOptions = Pick<BehaviorEvent, 'user_id' | 'type'> & Partial<BehaviorEvent>

/** A state of an item; what is left out of a record is as its schema says, its time the arrival, as that of `withdraw` is. */
export type ItemOptions = Pick<Item, 'item_id'> & Partial<Item>

export interface ClientOptions {
  /** Of the gateway: `http://127.0.0.1:8080`. */
  readonly url: string
  /** For a whole call, all tries together, ms; more than `gateway.maxTimeoutMs` is refused. Default 2000. */
  readonly timeoutMs?: number
  /** Bearer token, where the door asks for one (`gateway.tokensFile`). */
  readonly token?: string
  /** Default: the global one. With a client certificate: one of your own. */
  readonly fetch?: typeof fetch
}

export interface Client {
  /** Asks for a slate. @throws FeedloopProblem */
  recommend(request: RecommendOptions): Promise<Answer>
  /** Tells what people did; resolves when the log has it. @throws FeedloopProblem */
  tell(events: readonly EventOptions[]): Promise<void>
  /** Says that people have seen a slate that was asked for with `deferred`. @throws FeedloopProblem */
  shown(slate: Logged): Promise<void>
  /** Puts items into the catalogue, or changes them; resolves when the log has it. @throws FeedloopProblem */
  publish(items: readonly ItemOptions[]): Promise<void>
  /** Takes an item out of the catalogue. @throws FeedloopProblem */
  withdraw(itemId: string): Promise<void>
  /** What is known of a user; null: nothing. @throws FeedloopProblem */
  state(userId: string): Promise<UserAnswer | null>
}

/** A call without an answer: `code` of docs/errors.md, or `UNREACHABLE`. */
export class FeedloopProblem extends Error {
  readonly code: string
  /** HTTP status; 0: none came. */
  readonly status: number
  constructor({ code, status, detail }: Pick<Problem, 'code' | 'status' | 'detail'>, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options)
    this.name = 'FeedloopProblem'
    this.code = code
    this.status = status
  }
}

type Route = readonly [method: 'GET' | 'POST' | 'DELETE', path: string]

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

export function createClient({ url, timeoutMs = 2000, token, fetch: send = fetch }: ClientOptions): Client {
  const base = url.replace(/(?<!\/)\/+$/, '')
  const attempt = async <T>([method, path]: Route, body: object | null, leftMs: number): Promise<T> => {
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs)))
    const headers = {
      ...(body && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const response = await send(base + path, { method, headers, body: body && JSON.stringify(body), signal })
    const answer = await response.json()
    if (!response.ok) throw new FeedloopProblem(answer as Problem)
    return answer as T
  }
  /** @param bodyOf of the time that is left, ms */
  const insist = async <T>(route: Route, bodyOf: (leftMs: number) => object | null = () => null): Promise<T> => {
    const endMs = performance.now() + timeoutMs
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs)) {
      const leftMs = endMs - performance.now()
      try {
        return await attempt(route, bodyOf(leftMs), leftMs)
      } catch (cause) {
        const problem = problemOf(base, cause)
        // Apart from each other, or all who were refused together would come back together.
        const waitMs = pauseMs * (0.5 + Math.random())
        const mayPass = problem.status === 503 || problem.status === 0
        if (!mayPass || performance.now() + waitMs >= endMs) throw problem
        await new Promise(resolve => setTimeout(resolve, waitMs))
      }
    }
  }
  const tell = async (events: readonly EventOptions[]): Promise<void> => {
    const named = events.map(event => ({ event_id: crypto.randomUUID(), time_ms: Date.now(), ...event }))
    await insist<Appended>(['POST', '/v1/events'], () => ({ events: named }))
  }
  return {
    recommend(request) {
      const named = { request_id: crypto.randomUUID(), ...request }
      return insist(['POST', '/v1/recommendations'], leftMs => ({
        ...named,
        timeout_ms: Math.max(1, Math.floor(leftMs)),
      }))
    },
    tell,
    shown: ({ user_id, session_id, decision_id, slate_hash }) =>
      tell([{ type: 'activate', user_id, session_id, decision_id, slate_hash }]),
    async publish(items) {
      await insist<Appended>(['POST', '/v1/items'], () => ({ items }))
    },
    async withdraw(itemId) {
      await insist<Appended>(['DELETE', `/v1/items/${encodeURIComponent(itemId)}`])
    },
    state: userId =>
      insist<UserAnswer>(['GET', `/v1/users/${encodeURIComponent(userId)}/state`]).catch(problem => {
        if (problem.code === 'USER_UNKNOWN') return null
        throw problem
      }),
  }
}

/** Of a call that broke `fetch` says no more than that it failed; why is what that was caused by. */
function problemOf(base: string, cause: unknown): FeedloopProblem {
  if (cause instanceof FeedloopProblem) return cause
  const { message, cause: why } = cause as Error
  const detail = `${base}: ${why instanceof Error ? why.message : message}`
  return new FeedloopProblem({ code: 'UNREACHABLE', status: 0, detail }, { cause })
}
