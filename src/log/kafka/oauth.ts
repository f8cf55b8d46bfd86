/**
 * SASL OAUTHBEARER (RFC 7628). kafkajs's own takes a refusal for a success: a broker refuses by a challenge, which waits for
 * an answer, and the connection hangs. Here the challenge is read.
 */
import type { AuthenticationProviderArgs } from 'kafkajs'
import { FeedloopError } from '../../errors.ts'

/** Bytes with their length before them, as SASL goes over Kafka. */
function framed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A mechanism for kafkajs. @param tokenOf the token to show, at each login */
export const oauthBearer = (tokenOf: () => Promise<string>) => ({
  mechanism: 'oauthbearer',
  authenticationProvider: ({ saslAuthenticate }: AuthenticationProviderArgs) => ({
    async authenticate(): Promise<void> {
      const token = await tokenOf()
      const challenge = await saslAuthenticate({
        request: { encode: () => framed(`n,,\u0001auth=Bearer ${token}\u0001\u0001`) },
        response: { decode: bytes => bytes.subarray(4), parse: bytes => bytes.toString() },
      })
      if (challenge) throw new FeedloopError('LOG_LOGIN_REFUSED', `SASL OAUTHBEARER: ${challenge.slice(0, 200)}`)
    },
  }),
})
