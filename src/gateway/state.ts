/**
 * Who asks for a user's state is answered by the ranker that holds it: it alone knows what is not in a topic yet. All
 * rankers are asked at once at their operator's doors, since one that is gone may never answer; the first that has the
 * user's partition is believed. Which one that is changes with every rebalance and is kept nowhere.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import type { Problem, UserAnswer } from './answers.ts'

/** @throws FeedloopError USER_UNKNOWN, USER_ELSEWHERE, DEADLINE_EXCEEDED */
export type Look = (userId: string, signal: AbortSignal) => Promise<UserAnswer>

export function createLook({ gateway: { rankers, timeoutMs }, http }: Pick<Config, 'gateway' | 'http'>): Look {
  // Those of this process, unless others are named.
  const doors = rankers.length > 0 ? rankers : [`http://127.0.0.1:${http.port}`]
  return async (userId, gone) => {
    const late = AbortSignal.timeout(timeoutMs)
    const answered = new AbortController()
    const signal = AbortSignal.any([gone, late, answered.signal])
    const asked = doors.map(async door =>
      Promise.any((await addressesOf(door)).map(base => ask(base, userId, signal).catch(saidBy(base)))),
    )
    try {
      const found = await Promise.any(asked.map((each, n) => each.catch(saidBy(doors[n]))))
      if ('user_id' in found) return found
      throw new FeedloopError('USER_UNKNOWN', found.detail)
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error
      const said = reasonsOf(error).join('; ')
      throw late.aborted
        ? new FeedloopError('DEADLINE_EXCEEDED', `no ranker that has the user answered in ${timeoutMs} ms: ${said}`)
        : new FeedloopError('USER_ELSEWHERE', said)
    } finally {
      answered.abort()
    }
  }
}

const saidBy =
  (who: string) =>
  (error: Error): never => {
    if (error instanceof AggregateError) throw error
    throw new Error(`${who}: ${error.cause ?? error.message}`)
  }

const reasonsOf = (error: Error): string[] =>
  error instanceof AggregateError ? error.errors.flatMap(reasonsOf) : [error.message]

/** One a machine behind the name, as a headless service has them. */
async function addressesOf(door: string): Promise<string[]> {
  const url = new URL(door)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (url.protocol !== 'http:' || isIP(host)) return [url.origin]
  const all = await lookup(host, { all: true })
  return all.map(({ address, family }) => `http://${family === 6 ? `[${address}]` : address}:${url.port || 80}`)
}

/** @returns the state, or that nothing is known of the user @throws what else was said, and what broke the call */
async function ask(base: string, userId: string, signal: AbortSignal): Promise<UserAnswer | Problem> {
  const response = await fetch(`${base}/v1/users/${encodeURIComponent(userId)}/state`, { signal })
  const reply = (await response.json()) as UserAnswer | Problem
  if ('user_id' in reply || reply.code === 'USER_UNKNOWN') return reply
  throw new Error(`${reply.code ?? reply.status}, ${reply.detail}`)
}
