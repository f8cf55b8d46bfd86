/**
 * What brokers say no to, told apart from what may pass: an untrusted certificate, a refused login and a missing right
 * stay as they are however often they are tried, so whoever waited for them would wait without a word.
 */
import { type ErrorCode, FeedloopError } from '../../errors.ts'
import { createErrorFromCode } from './kafkajs.ts'

/** Of OpenSSL's verification (CERT_HAS_EXPIRED, SELF_SIGNED_CERT_IN_CHAIN, …) and of Node's TLS. */
const untrusted = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|UNABLE_TO_|INVALID_(CA|PURPOSE)$|HOSTNAME_MISMATCH$|.*CERT)/
const FORBIDDEN = new Set([29, 30, 31])

interface Failure {
  readonly name?: string
  readonly type?: string
  readonly code?: unknown
  readonly message: string
  readonly cause?: unknown
}

/** The error of a call that failed without an answer. @param where for people */
export function failureOf(where: string, error: unknown): FeedloopError {
  for (const each of chainOf(error)) {
    if (each instanceof FeedloopError) return each
    const code = refusalIn(each)
    if (code) return new FeedloopError(code, `${where}: ${each.message}`, { cause: error })
  }
  return new FeedloopError('LOG_UNAVAILABLE', `${where}: ${(error as Error).message}`, { cause: error })
}

/** An error, its cause, the cause of that. */
function* chainOf(error: unknown): Generator<Failure> {
  for (let each = error as Failure | undefined; each; each = each.cause as Failure | undefined) yield each
}

/** Whether kafkajs is right to give up: what a broker has said stays so, that none has said anything may pass. */
export const isFinal = (error: unknown): boolean =>
  chainOf(error).some(each => refusalIn(each) !== undefined || (each.type ?? 'UNKNOWN') !== 'UNKNOWN')

function refusalIn({ name, type, code, message }: Failure): ErrorCode | undefined {
  if (name === 'KafkaJSSASLAuthenticationError' || /^(SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL)/.test(type ?? ''))
    // Who closed the connection said nothing about the login.
    return /Connection closed|Closed connection|ECONNRESET|timed? ?out/i.test(message) ? undefined : 'LOG_LOGIN_REFUSED'
  if (/_AUTHORIZATION_FAILED$/.test(type ?? '')) return 'LOG_FORBIDDEN'
  return typeof code === 'string' && untrusted.test(code) ? 'LOG_UNTRUSTED' : undefined
}

/** The error of a broker's answer: `otherwise` unless the code says that a right is missing. */
export function answeredError(code: number, where: string, otherwise: ErrorCode, said?: string | null): FeedloopError {
  const { type, message } = createErrorFromCode(code)
  return new FeedloopError(FORBIDDEN.has(code) ? 'LOG_FORBIDDEN' : otherwise, `${where}: ${type}: ${said || message}`)
}

/** Whether no other try can help. */
export const isRefusal = (error: unknown): error is FeedloopError =>
  error instanceof FeedloopError && ['LOG_UNTRUSTED', 'LOG_LOGIN_REFUSED', 'LOG_FORBIDDEN'].includes(error.code)
