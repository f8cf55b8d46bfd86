/**
 * Who asks for a user's state is answered by the ranker that holds it: it alone knows what is not in a topic yet. All
 * rankers are asked at once at their operator's doors, since one that is gone may never answer; the first that has the
 * user's partition is believed. Which one that is changes with every rebalance and is kept nowhere.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { readTls } from '../secrets.ts'
import type { Problem, UserAnswer } from './answers.ts'
import { type Badge, getJson } from './door/get.ts'
import { createRenewal } from './door/renewal.ts'
import { openTokens } from './door/tokens.ts'

/** @throws FeedloopError USER_UNKNOWN, USER_ELSEWHERE, DEADLINE_EXCEEDED */
export type Look = (userId: string, signal: AbortSignal) => Promise<UserAnswer>

/** @param now ms @throws FeedloopError SECRET_MISSING, CONFIG_INVALID */
export function createLook(
  { gateway: { rankers, timeoutMs }, http }: Pick<Config, 'gateway' | 'http'>,
  now: () => number,
  logger: Logger,
): Look {
  // Those of this process, unless others are named.
  const doors = rankers.length > 0 ? rankers : [`${http.tls ? 'https' : 'http'}://127.0.0.1:${http.port}`]
  const badge = badgeOf(http, now, logger)
  return async (userId, gone) => {
    const late = AbortSignal.timeout(timeoutMs)
    const answered = new AbortController()
    const signal = AbortSignal.any([gone, late, answered.signal])
    const asked = doors.map(async door =>
      Promise.any((await placesOf(door)).map(base => ask(base, userId, badge(), signal).catch(saidBy(base.url)))),
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

/** What was read of a certificate's files is believed so long. */
const BELIEVED_MS = 60_000

/** Operator's doors have one way in: what the configuration of ours says is shown at the others'. They are checked by the
 * authority of callers, or by our own certificate, which is theirs then. */
function badgeOf({ tokensFile, tls }: Config['http'], now: () => number, logger: Logger): () => Badge {
  const tokens = tokensFile === undefined ? undefined : openTokens(tokensFile, 'http.tokensFile', now, logger)
  const renewed = createRenewal('http.tls', logger)
  const readOwn = () => {
    const { clientCaFile, ...own } = tls!
    const secrets = readTls({ ...own, caFile: clientCaFile ?? own.certFile }, 'http.tls')
    return { ...secrets, allowPartialTrustChain: true }
  }
  let own = tls && readOwn()
  let readAtMs = now()
  return () => {
    if (tls && now() - readAtMs > BELIEVED_MS) {
      readAtMs = now()
      own = renewed(readOwn) ?? own
    }
    return { token: tokens?.own(), tls: own }
  }
}

interface Place {
  readonly url: string
  /** Who must be there; of an address that is named as such: whoever has a certificate by our authority. */
  readonly servername?: string
}

/** One a machine behind the name, as a headless service has them. */
async function placesOf(door: string): Promise<Place[]> {
  const { hostname, origin, protocol, port } = new URL(door)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host)) return [{ url: origin }]
  const all = await lookup(host, { all: true })
  const suffix = port === '' ? '' : `:${port}`
  return all.map(({ address, family }) => ({
    url: `${protocol}//${family === 6 ? `[${address}]` : address}${suffix}`,
    servername: host,
  }))
}

/** @returns the state, or that nothing is known of the user @throws what else was said, and what broke the call */
async function ask(
  { url, servername }: Place,
  userId: string,
  badge: Badge,
  signal: AbortSignal,
): Promise<UserAnswer | Problem> {
  const path = `${url}/v1/users/${encodeURIComponent(userId)}/state`
  const reply = (await getJson({ url: new URL(path), servername, badge, signal })) as UserAnswer | Problem
  if ('user_id' in reply || reply.code === 'USER_UNKNOWN') return reply
  throw new Error(`${reply.code ?? reply.status}, ${reply.detail}`)
}
