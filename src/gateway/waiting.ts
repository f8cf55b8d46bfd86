/**
 * Who waits for what, by request id: one look-up an answer, however many wait. Several may wait for one request (a caller
 * that asks again while the first call is under way); each has a deadline of its own. A request for which nobody waits
 * any more is let go of: its signal ends the tries to append it.
 */
import type { Request } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { Stopped } from '../log/chain/rim.ts'
import type { Decision } from './step.ts'

/** A request under way. */
export interface Asked {
  readonly request: Request
  /** The log has acknowledged it: from then on it is the decision that is awaited. */
  stored: boolean
  /** Aborts when nobody waits for it any more. */
  readonly signal: AbortSignal
}

export interface Waiting {
  of(requestId: string): Asked | undefined
  /** Registers a request; nobody may be under way with its id. To be waited for at once. */
  ask(request: Request): Asked
  /** @param untilMs deadline, ms since the epoch @param gone aborts when the caller leaves
   * @throws FeedloopError DEADLINE_EXCEEDED, LOG_UNAVAILABLE (not acknowledged by then), what `fail` was given; Stopped */
  wait(asked: Asked, untilMs: number, gone: AbortSignal): Promise<Decision>
  /** Answers all who wait for it. */
  take(decision: Decision): void
  fail(asked: Asked, error: unknown): void
}

/** Why nobody waits any more. Given, since what stands in for no reason is an error with a stack, and each request's wait ends. */
const OVER = new Stopped()

type Waiter = PromiseWithResolvers<Decision>

interface Entry extends Asked {
  readonly waiters: Set<Waiter>
  readonly abort: AbortController
}

export function createWaiting(now: () => number): Waiting {
  const entries = new Map<string, Entry>()
  const leave = (entry: Entry, waiter: Waiter): void => {
    entry.waiters.delete(waiter)
    if (entry.waiters.size === 0) close(entry)
  }
  const close = (entry: Entry): void => {
    if (entries.get(entry.request.request_id) !== entry) return
    entries.delete(entry.request.request_id)
    entry.abort.abort(OVER)
  }
  const settle = (entry: Entry, each: (waiter: Waiter) => void): void => {
    for (const waiter of entry.waiters) each(waiter)
    close(entry)
  }
  return {
    of: id => entries.get(id),
    ask(request) {
      const abort = new AbortController()
      const entry: Entry = { request, stored: false, signal: abort.signal, abort, waiters: new Set() }
      entries.set(request.request_id, entry)
      return entry
    },
    async wait(asked, untilMs, gone) {
      const entry = asked as Entry
      const waiter = Promise.withResolvers<Decision>()
      entry.waiters.add(waiter)
      const timer = setTimeout(() => waiter.reject(late(entry, now())), untilMs - now())
      const left = (): void => waiter.reject(new Stopped())
      gone.addEventListener('abort', left, { once: true })
      if (gone.aborted) left()
      try {
        return await waiter.promise
      } finally {
        clearTimeout(timer)
        gone.removeEventListener('abort', left)
        leave(entry, waiter)
      }
    },
    take(decision) {
      const entry = entries.get(decision.decision_id)
      if (entry !== undefined) settle(entry, waiter => waiter.resolve(decision))
    },
    fail: (asked, error) => settle(asked as Entry, waiter => waiter.reject(error)),
  }
}

/** What an acknowledgement takes where all is well: who waits for less is short of patience, the log is not away. */
const ACKNOWLEDGED_MS = 50

const late = ({ request, stored }: Asked, nowMs: number): FeedloopError =>
  stored || nowMs - request.time_ms < ACKNOWLEDGED_MS
    ? new FeedloopError('DEADLINE_EXCEEDED', `no decision on ${request.request_id} by ${iso(request.deadline_ms!)}`)
    : new FeedloopError('LOG_UNAVAILABLE', `the log has not acknowledged ${request.request_id}`)

const iso = (ms: number): string => new Date(ms).toISOString()
