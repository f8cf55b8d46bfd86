/** Bearer tokens of a door: compared as digests, all of them each time, so that no answer says by its time how close a guess was. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Logger } from 'pino'
import { FeedloopError } from '../../errors.ts'
import { readSecret } from '../../secrets.ts'
import { createRenewal } from './renewal.ts'

const LEAST_CHARACTERS = 16
/** So long what was read is believed: then a new file holds. */
const BELIEVED_MS = 10_000

export interface Tokens {
  /** Which of the tokens the `authorization` header shows; -1: none. */
  indexIn(authorization: string | undefined): number
  /** One that this door would let in, for calls to doors with the same file. */
  own(): string
}

/** @param key of the configuration that names the file
 * @param logger told where a new file does not hold: the tokens before it do, those that it was to take away too
 * @throws FeedloopError SECRET_MISSING; CONFIG_INVALID for a token that is too short */
export function openTokens(file: string, key: string, now: () => number, logger: Logger): Tokens {
  const renewed = createRenewal(key, logger)
  let { texts, digests } = readTokens(file, key)
  let readAtMs = now()
  const refresh = (): void => {
    if (now() - readAtMs < BELIEVED_MS) return
    readAtMs = now()
    ;({ texts, digests } = renewed(() => readTokens(file, key)) ?? { texts, digests })
  }
  return {
    indexIn(authorization) {
      refresh()
      const given = digestOf(/^bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1] ?? '')
      return digests.reduce((found, each, index) => (timingSafeEqual(each, given) ? index : found), -1)
    },
    own() {
      refresh()
      return texts[0]
    },
  }
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

function readTokens(file: string, key: string): { texts: string[]; digests: Buffer[] } {
  const texts = readSecret(file, key).split(/\s+/)
  if (texts.some(text => text.length < LEAST_CHARACTERS))
    throw new FeedloopError('CONFIG_INVALID', `${key}: a token has fewer than ${LEAST_CHARACTERS} characters`)
  return { texts, digests: texts.map(digestOf) }
}
