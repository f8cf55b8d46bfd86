/** The parts of the configuration that say who is trusted, who may come in, and how much of what. Secrets stand in files. */
import { z } from 'zod'

const second = 1000
const file = (holds: string) => z.string().min(1).optional().describe(holds)

/** A URL, and no place for a password. */
export function plainUrl(description: string) {
  return z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
    .refine(hasNoPassword, passwordInUrl)
    .describe(description)
}

/** A broker's `host:port`; an IPv6 address may stand in brackets. It has no place for a password: it is logged. */
export const brokerAddress = /^\[?([\w.:%-]+?)\]?:(\d+)$/

export const passwordInUrl = { error: 'holds a password; name a file for it instead' }

export function hasNoPassword(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return !url?.username && !url?.password
}

/** Of a client: a broker's, a registry's. */
export const clientTls = z
  .strictObject({
    caFile: file('PEM file of the authorities to trust, instead of those that Node trusts.'),
    certFile: file("PEM file of the client's certificate, where the other side asks for one (mTLS)."),
    keyFile: file('PEM file of its key.'),
    keyPasswordFile: file('File that holds the password of the key.'),
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    error: 'certFile and keyFile go together',
  })

/** How to log in to the brokers. */
export const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('SASL mechanism.'),
    username: z.string().optional().describe('SASL user; not of `oauthbearer`.'),
    passwordFile: z
      .string()
      .optional()
      .describe('File that holds the password; it never stands in the configuration. Not of `oauthbearer`.'),
    tokenFile: file('`oauthbearer`: file that holds the token, read at each login: somebody else keeps it fresh.'),
    tokenUrl: plainUrl('`oauthbearer`: where a token is to be had by client credentials (RFC 6749, 4.4).').optional(),
    clientId: z.string().optional().describe('With `tokenUrl`: the client.'),
    clientSecretFile: file('With `tokenUrl`: file that holds its secret.'),
    scope: z.string().optional().describe('With `tokenUrl`: the scope to ask for.'),
  })
  .refine(
    ({ mechanism, username, passwordFile }) =>
      (mechanism === 'oauthbearer') === (username === undefined && passwordFile === undefined) &&
      (username === undefined) === (passwordFile === undefined),
    { error: 'username and passwordFile: both, of every mechanism but oauthbearer' },
  )
  .refine(
    ({ mechanism, tokenFile, tokenUrl }) =>
      mechanism === 'oauthbearer'
        ? (tokenFile === undefined) !== (tokenUrl === undefined)
        : tokenFile === undefined && tokenUrl === undefined,
    { error: 'oauthbearer takes either tokenFile or tokenUrl, other mechanisms none' },
  )
  .refine(
    ({ tokenUrl, clientId, clientSecretFile }) =>
      [clientId, clientSecretFile].every(each => (each === undefined) === (tokenUrl === undefined)),
    { error: 'tokenUrl, clientId and clientSecretFile go together' },
  )

/** Of an HTTP door: who may come in, and how much. */
export const doorFields = {
  tls: z
    .strictObject({
      certFile: z.string().describe('PEM file of the certificate, read again when it changes.'),
      keyFile: z.string().describe('PEM file of its key.'),
      keyPasswordFile: file('File that holds the password of the key.'),
      clientCaFile: file('PEM file of the authorities of callers: who shows a certificate by one of them may come in.'),
    })
    .optional()
    .describe('HTTPS; none: HTTP.'),
  tokensFile: file(
    'File of bearer tokens, one a line, of 16 characters at least; read again when it changes. With it, or with tls.clientCaFile, nobody comes in without one of its tokens or such a certificate; without both everybody does.',
  ),
  rate: z
    .strictObject({
      perSecond: z.number().positive().describe('Calls a second of one caller (token, certificate, else address).'),
      burst: z.number().int().positive().describe('Calls at once, after a rest.'),
    })
    .optional()
    .describe('Bound of each caller, then 429; none: gateway.maxWaiting alone.'),
  headersMs: z
    .number()
    .int()
    .min(100)
    .default(10 * second)
    .describe('Time to send the head of a call, then 408.'),
  bodyMs: z
    .number()
    .int()
    .min(100)
    .default(30 * second)
    .describe('Time to send a whole call, then 408.'),
  idleMs: z
    .number()
    .int()
    .min(100)
    .default(72 * second)
    .describe('A connection without a call is kept open so long; longer than any proxy before it keeps its own.'),
}
export type DoorSecurity = Readonly<z.output<z.ZodObject<typeof doorFields>>>
