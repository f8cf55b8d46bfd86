/** Who may come in at a door, and how often: a token or a client certificate, where the configuration asks for one. */
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { FeedloopError } from '../../errors.ts'
import type { DoorSecurity } from '../../security.ts'
import { createAllowance } from './allowance.ts'
import { openTokens, type Tokens } from './tokens.ts'

export interface Guard {
  /** Whether the call shows what it must; of a door that asks for nothing, always. */
  knows(request: FastifyRequest): boolean
  /** @throws FeedloopError HTTP_UNAUTHENTICATED, HTTP_RATE_LIMITED */
  admit(request: FastifyRequest): void
}

/** @param name of the door in the configuration @throws FeedloopError SECRET_MISSING, CONFIG_INVALID */
export function createGuard(
  { tokensFile, tls, rate }: Pick<DoorSecurity, 'tokensFile' | 'tls' | 'rate'>,
  name: string,
  now: () => number,
  logger: Logger,
): Guard {
  const tokens = tokensFile === undefined ? undefined : openTokens(tokensFile, `${name}.tokensFile`, now, logger)
  const asks = tokens !== undefined || tls?.clientCaFile !== undefined
  const allowed = rate && createAllowance(rate, now)
  return {
    knows: request => !asks || callerOf(request, tokens) !== undefined,
    admit(request) {
      const caller = asks ? callerOf(request, tokens) : undefined
      // Guesses are bounded too, by the address that they come from.
      if (allowed && !allowed(caller ?? `address ${request.ip}`))
        throw new FeedloopError('HTTP_RATE_LIMITED', `more than ${rate.perSecond} calls a second`)
      if (asks && caller === undefined)
        throw new FeedloopError('HTTP_UNAUTHENTICATED', 'no token or certificate that is known here')
    },
  }
}

function callerOf({ headers, raw }: FastifyRequest, tokens: Tokens | undefined): string | undefined {
  const index = tokens?.indexIn(headers.authorization) ?? -1
  if (index >= 0) return `token ${index}`
  const socket = raw.socket as Partial<TLSSocket>
  // `authorized` alone says nothing: Node 20 says it of every resumed TLS 1.3 session, those without a certificate included.
  const fingerprint = socket.authorized ? socket.getPeerCertificate?.()?.fingerprint256 : undefined
  return fingerprint === undefined ? undefined : `certificate ${fingerprint}`
}
