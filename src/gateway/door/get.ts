/** One GET of JSON at another door of ours, over TLS and with a token where those doors ask for them. */
import { request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import type { TlsSecrets } from '../../secrets.ts'

/** What this process shows other doors of its kind. */
export interface Badge {
  readonly token?: string
  readonly tls?: TlsSecrets
}

export interface Call {
  readonly url: URL
  /** Who must be there, where `url` names an address; none: whoever has a certificate by our authority. */
  readonly servername?: string
  readonly badge: Badge
  readonly signal: AbortSignal
}

/** Answers are bounded: a door of ours says no more. */
const MOST_BYTES = 16 << 20

/** @throws Error what broke the call */
export function getJson({ url, servername, badge, signal }: Call): Promise<unknown> {
  const headers = badge.token === undefined ? {} : { authorization: `Bearer ${badge.token}` }
  const checked = servername === undefined ? { checkServerIdentity: () => undefined } : { servername }
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const send = url.protocol === 'https:' ? overHttps : overHttp
  const call = send(url, { headers, signal, ...badge.tls, ...checked }, response => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('error', reject)
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > MOST_BYTES) response.destroy(new Error(`more than ${MOST_BYTES} bytes`))
    })
    response.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()))
      } catch (error) {
        reject(error)
      }
    })
  })
  call.on('error', reject)
  call.end()
  return promise
}
