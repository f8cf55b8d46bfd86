/**
 * What every HTTP door has: bounds of time and size, TLS, and refusals as problem details with a code of the one table, also
 * where Node would hang up before there is a call.
 */
import { type Server as HttpServer, STATUS_CODES } from 'node:http'
import type { Server as TlsServer } from 'node:tls'
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify'
import type { Logger } from 'pino'
import { type ErrorCode, FeedloopError } from '../../errors.ts'
import { readSecret, readTls } from '../../secrets.ts'
import type { DoorSecurity } from '../../security.ts'
import { MAX_PATH_TEXT } from '../json-schema.ts'
import { knownError, PROBLEM_TYPE, problemOf } from '../problem.ts'
import { createRenewal } from './renewal.ts'

/** How often Node looks for connections that are late. */
const LOOK_EVERY_MS = 500
/** Certificates are looked at so often: whoever renews them need not restart anything. */
const RENEW_EVERY_MS = 60_000

/** A server that does not listen yet. @param name of the door in the configuration @param logger told where a new certificate does not hold @throws FeedloopError SECRET_MISSING, CONFIG_INVALID */
export function createServer(
  { tls, headersMs, bodyMs, idleMs }: DoorSecurity,
  name: string,
  logger: Logger,
  options: FastifyServerOptions,
): FastifyInstance {
  const times = { headersTimeout: Math.min(headersMs, bodyMs), connectionsCheckingInterval: LOOK_EVERY_MS }
  const server = Fastify({
    ...options,
    routerOptions: { maxParamLength: MAX_PATH_TEXT },
    requestTimeout: bodyMs,
    keepAliveTimeout: idleMs,
    clientErrorHandler: (error, socket) => {
      const refusal = refusalOf(error as NodeJS.ErrnoException)
      if (refusal && socket.writable) socket.end(rawProblem(refusal))
      else socket.destroy()
    },
    ...(tls ? { https: { ...times, ...secretsOf(tls, name) } } : { http: times }),
  } as FastifyServerOptions) as unknown as FastifyInstance
  if (tls) renew(server, tls, name, logger)
  return server
}

/** Of paths that are none Fastify asks no hook: who may not come in must hear that of them too.
 * @param enter what the hook does @throws FeedloopError of who may not */
export const pathRefusal =
  (
    enter: (request: FastifyRequest, reply: FastifyReply) => void,
    answer: (reply: FastifyReply, error: FeedloopError) => unknown,
  ): NonNullable<FastifyServerOptions['frameworkErrors']> =>
  (error, request, reply) => {
    try {
      enter(request as FastifyRequest, reply as FastifyReply)
    } catch (refused) {
      return void answer(reply as FastifyReply, knownError(refused))
    }
    answer(reply as FastifyReply, knownError(error))
  }

type DoorTls = NonNullable<DoorSecurity['tls']>

/** A certificate that does not hold is no alert but a call without one: the guard answers it with a code. */
function secretsOf({ clientCaFile, ...own }: DoorTls, name: string) {
  const { cert, key, passphrase } = readTls(own, `${name}.tls`)
  const asks = clientCaFile !== undefined
  const { ca } = readTls({ caFile: clientCaFile }, `${name}.tls.clientCaFile`)
  return { cert, key, passphrase, ca, requestCert: asks, rejectUnauthorized: false }
}

function renew(server: FastifyInstance, tls: DoorTls, name: string, logger: Logger): void {
  const files = [tls.certFile, tls.keyFile, tls.clientCaFile].filter(each => each !== undefined)
  const content = (): string => files.map(file => readSecret(file, `${name}.tls`)).join()
  const renewed = createRenewal(`${name}.tls`, logger)
  let known = content()
  const look = (): void => {
    const found = content()
    if (found === known) return
    ;(server.server as unknown as TlsServer).setSecureContext(secretsOf(tls, name))
    known = found
  }
  const timer = setInterval(() => renewed(look), RENEW_EVERY_MS).unref()
  server.addHook('onClose', async () => clearInterval(timer))
}

function refusalOf({ code = '' }: NodeJS.ErrnoException): FeedloopError | undefined {
  const ours: ErrorCode | undefined =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? 'HTTP_TIMEOUT'
      : code === 'HPE_HEADER_OVERFLOW'
        ? 'HTTP_HEADERS_TOO_LARGE'
        : code.startsWith('HPE_')
          ? 'HTTP_MALFORMED'
          : undefined
  return ours && new FeedloopError(ours, code)
}

/** An answer to a connection that never became a call. */
function rawProblem(error: FeedloopError): string {
  const problem = problemOf(error)
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

/** @throws FeedloopError PORT_UNAVAILABLE @returns the port */
export async function listen(
  server: FastifyInstance,
  { host, port, backlog }: { readonly host: string; readonly port: number; readonly backlog?: number },
  name: string,
): Promise<number> {
  await server.listen({ host, port, backlog }).catch(cause => {
    throw new FeedloopError('PORT_UNAVAILABLE', `${name}.port: ${cause.message}`, { cause })
  })
  const address = (server.server as HttpServer).address()
  return typeof address === 'object' && address ? address.port : port
}
