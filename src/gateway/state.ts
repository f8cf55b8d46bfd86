/**
 * Who asks for a user's state is answered by the ranker that holds it: it alone knows what is not in a topic yet. Every
 * ranker is asked in turn at its operator's door until one has the user's partition; which one that is changes with every
 * rebalance and is kept nowhere.
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
    const signal = AbortSignal.any([gone, late])
    const said: string[] = []
    for (const door of doors)
      for (const base of await addressesOf(door).catch(error => told(said, `${door}: ${error.message}`))) {
        const reply = await ask(base, userId, signal).catch(error => error as Error)
        if (late.aborted) throw new FeedloopError('DEADLINE_EXCEEDED', `${base} did not answer in ${timeoutMs} ms`)
        if (reply instanceof Error) told(said, `${base}: ${reply.cause ?? reply.message}`)
        else if ('user_id' in reply) return reply
        else if (reply.code === 'USER_UNKNOWN') throw new FeedloopError('USER_UNKNOWN', reply.detail)
        else told(said, `${base}: ${reply.code ?? reply.status}, ${reply.detail}`)
      }
    throw new FeedloopError('USER_ELSEWHERE', said.join('; '))
  }
}

function told(said: string[], what: string): [] {
  said.push(what)
  return []
}

/** One a machine behind the name, as a headless service has them. */
async function addressesOf(door: string): Promise<string[]> {
  const url = new URL(door)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (url.protocol !== 'http:' || isIP(host)) return [url.origin]
  const all = await lookup(host, { all: true })
  return all.map(({ address, family }) => `http://${family === 6 ? `[${address}]` : address}:${url.port || 80}`)
}

async function ask(base: string, userId: string, signal: AbortSignal): Promise<UserAnswer | Problem> {
  const response = await fetch(`${base}/v1/users/${encodeURIComponent(userId)}/state`, { signal })
  return (await response.json()) as UserAnswer | Problem
}
