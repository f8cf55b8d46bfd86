/** How to reach and log in to brokers, from the configuration and the files that it names, as kafkajs takes it. */
import type { KafkaConfig } from 'kafkajs'
import type { z } from 'zod'
import { FeedloopError } from '../../errors.ts'
import { readSecret, readTls } from '../../secrets.ts'
import type { clientTls, sasl as saslSchema } from '../../security.ts'
import { oauthBearer } from './oauth.ts'

export interface LoginConfig {
  readonly ssl: boolean
  readonly tls?: z.output<typeof clientTls>
  readonly sasl?: z.output<typeof saslSchema>
}
export type Login = Pick<KafkaConfig, 'ssl' | 'sasl'>

/** @throws FeedloopError SECRET_MISSING, CONFIG_INVALID */
export const loginOf = ({ ssl, tls, sasl }: LoginConfig): Login => ({
  ssl: tls ? readTls(tls, 'kafka.tls') : ssl,
  sasl: sasl && saslOf(sasl),
})

type Sasl = z.output<typeof saslSchema>

function saslOf(sasl: Sasl): KafkaConfig['sasl'] {
  if (sasl.mechanism === 'oauthbearer') return oauthBearer(() => tokenOf(sasl))
  const password = readSecret(sasl.passwordFile!, 'kafka.sasl.passwordFile')
  return { mechanism: sasl.mechanism as 'plain', username: sasl.username!, password }
}

const TOKEN_TIMEOUT_MS = 5000

/** Asked at each login, also the one by which a connection stays longer than its token holds (KIP-368). */
async function tokenOf({ tokenFile, tokenUrl, clientId, clientSecretFile, scope }: Sasl): Promise<string> {
  if (tokenFile !== undefined) return readSecret(tokenFile, 'kafka.sasl.tokenFile')
  const secret = readSecret(clientSecretFile!, 'kafka.sasl.clientSecretFile')
  const login = Buffer.from(`${encodeURIComponent(clientId!)}:${encodeURIComponent(secret)}`).toString('base64')
  const response = await fetch(tokenUrl!, {
    method: 'POST',
    headers: { authorization: `Basic ${login}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) }),
    signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
  }).catch(cause => {
    const why = (cause as Error).cause ?? cause
    throw new FeedloopError('LOG_UNAVAILABLE', `${tokenUrl}: ${(why as Error).message}`, { cause })
  })
  const refused = response.status >= 400 && response.status < 500 && response.status !== 429
  const answer = (await response.json().catch(() => ({}))) as { access_token?: unknown; error?: unknown }
  if (typeof answer.access_token === 'string') return answer.access_token
  const said = typeof answer.error === 'string' ? `: ${answer.error.slice(0, 100)}` : ''
  throw new FeedloopError(
    refused ? 'LOG_LOGIN_REFUSED' : 'LOG_UNAVAILABLE',
    `${tokenUrl}: HTTP ${response.status}${said}`,
  )
}
