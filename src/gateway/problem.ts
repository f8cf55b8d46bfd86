/** Errors as RFC 9457 problem details, with codes of the one table. */
import type { FastifyError } from 'fastify'
import { type ErrorCode, errorTable, FeedloopError } from '../errors.ts'
import type { Problem } from './answers.ts'

export const PROBLEM_TYPE = 'application/problem+json'
/** `Retry-After` of every 503 and 429, seconds. */
const RETRY_AFTER = '1'

const statuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  HTTP_MALFORMED: 400,
  HTTP_UNAUTHENTICATED: 401,
  HTTP_NOT_FOUND: 404,
  USER_UNKNOWN: 404,
  EPISODE_UNKNOWN: 404,
  HTTP_TIMEOUT: 408,
  RECORD_CONTRADICTS: 409,
  HTTP_BODY_TOO_LARGE: 413,
  BATCH_TOO_LARGE: 413,
  HTTP_MEDIA_TYPE: 415,
  OUTPUT_TOO_LARGE: 422,
  HTTP_RATE_LIMITED: 429,
  HTTP_HEADERS_TOO_LARGE: 431,
  DEADLINE_EXCEEDED: 504,
}

/** A record's fault is the caller's, 400; what may pass is 503. */
export function statusOf(code: ErrorCode): number {
  const { scope, kind } = errorTable[code]
  return statuses[code] ?? (scope === 'record' ? 400 : kind === 'retryable' ? 503 : 500)
}

/** Headers that go with a refusal. */
export const headersOf = (status: number): Record<string, string> =>
  status === 503 || status === 429
    ? { 'retry-after': RETRY_AFTER }
    : status === 401
      ? { 'www-authenticate': 'Bearer' }
      : {}

export function problemOf({ code, message }: FeedloopError): Problem {
  const { meaning, remedy } = errorTable[code]
  return {
    type: `urn:feedloop:error:${code}`,
    title: meaning,
    status: statusOf(code),
    detail: message.slice(code.length + 2),
    code,
    remedy,
  }
}

/** Fastify's own refusals by ours. */
const ofFramework: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_VALIDATION: 'RECORD_INVALID',
  FST_ERR_BAD_URL: 'HTTP_NOT_FOUND',
  FST_ERR_MAX_PARAM_LENGTH: 'RECORD_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'RECORD_UNREADABLE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'RECORD_UNREADABLE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'RECORD_UNREADABLE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'HTTP_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'HTTP_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_TYPE: 'HTTP_MEDIA_TYPE',
}

/** HTTP_FAULT for what is not known: a bug, whose text is for the log and not for the caller. */
export function knownError(error: unknown): FeedloopError {
  if (error instanceof FeedloopError) return error
  const { code, message, validation } = error as Partial<FastifyError>
  const ours = ofFramework[code ?? '']
  if (ours === undefined) return new FeedloopError('HTTP_FAULT', 'see the log of the process', { cause: error })
  return new FeedloopError(ours, validation ? shapeFault(validation[0]) : String(message))
}

type Violation = NonNullable<FastifyError['validation']>[number]

/** Which field, and what of it. */
const shapeFault = ({ instancePath, message, params }: Violation): string => {
  const path = instancePath.slice(1).replaceAll('/', '.') || 'body'
  const named = params.additionalProperty ?? params.propertyName ?? params.allowedValue
  return `${path}: ${message}${named === undefined ? '' : ` (${named})`}`
}
