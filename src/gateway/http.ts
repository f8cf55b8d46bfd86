/**
 * The callers' door (its routes: `routes.ts`). Open from the start, so that who comes too early is told so; whoever has been
 * let in is answered, also while the door closes.
 */
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { Stopped } from '../log/chain/rim.ts'
import type { Meter } from '../metrics.ts'
import type { Tracer } from '../tracing/tracer.ts'
import { parseCall } from './door/body.ts'
import { createGuard } from './door/guard.ts'
import { createServer, listen, pathRefusal } from './door/server.ts'
import { headersOf, knownError, PROBLEM_TYPE, problemOf } from './problem.ts'
import { type Answerer, addRoutes, notReady, RECOMMEND } from './routes.ts'

/** What every door needs. */
export interface DoorOptions {
  readonly config: Config
  readonly meter: Meter
  readonly logger: Logger
  readonly now: () => number
  readonly tracer?: Tracer
}

export interface Door {
  readonly port: number
  /** From now on calls are let in to be answered by it; until then they are told that the log is awaited. */
  lead(to: Answerer): void
  /** Takes nobody in any more; resolves when all who are in have their answers, soon after the last deadline at the latest. */
  close(): Promise<void>
}

/** From the last deadline to the end of all connections, ms. */
const LEAVE_MS = 1000

/** @throws FeedloopError PORT_UNAVAILABLE, SECRET_MISSING, CONFIG_INVALID */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, maxBodyBytes, maxTimeoutMs, maxWaiting } = options.config.gateway
  const answer = answererOfErrors(options)
  const server = createServer(options.config.gateway, 'gateway', options.logger, {
    frameworkErrors: pathRefusal((request, reply) => entrance.enter(request, reply), answer),
    bodyLimit: maxBodyBytes,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true, strictTypes: false } },
  })
  server.setSerializerCompiler(() => data => JSON.stringify(data))
  server.removeAllContentTypeParsers()
  const parse = server.getDefaultJsonParser('error', 'error')
  // Decoded leniently two ids could become one.
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) =>
    isUtf8(body)
      ? parseCall(body.toString(), (text, told) => parse(request, text, told), done)
      : done(new FeedloopError('RECORD_UNREADABLE', 'the body is not UTF-8')),
  )
  // Who has left hears nothing.
  server.setErrorHandler<Error & { code?: string }>((error, _request, reply) =>
    error instanceof Stopped || error.code === 'ECONNRESET' ? reply.hijack() : answer(reply, knownError(error)),
  )
  server.setNotFoundHandler((request, reply) =>
    answer(reply, new FeedloopError('HTTP_NOT_FOUND', `${request.method} ${request.url}`)),
  )
  let answerer: Answerer | undefined
  const waitingFor = (): string => (answerer === undefined ? 'the log' : answerer.waitingFor())
  const traces: Traces = new WeakMap()
  const entrance = admit(server, options, waitingFor, traces)
  if (options.tracer) traceCalls(server, options.tracer, traces)
  await addRoutes(server, options, waitingFor, () => answerer!)
  // Node's own 511 are less than come within a busy moment; beyond it connections are reset, and nobody counts them.
  const bound = await listen(server, { host, port, backlog: maxWaiting }, 'gateway')
  options.logger.info({ gatewayPort: bound }, 'gateway is open')
  return {
    port: bound,
    lead(to) {
      answerer = to
    },
    close() {
      entrance.shut()
      // By then every call has its answer; who is in still neither sends nor reads, and Node's own timeouts end with the listening.
      const late = setTimeout(() => server.server.closeAllConnections(), maxTimeoutMs + LEAVE_MS)
      return server.close().finally(() => clearTimeout(late))
    },
  }
}

/** Once its body is read, a call is known by what it asks for. @param traces gets the call's trace, by its request */
function traceCalls(server: FastifyInstance, tracer: Tracer, traces: Traces): void {
  server.addHook('preHandler', async (request, reply) => {
    const { method, routeOptions, headers, body } = request
    const call = tracer.call(`${method} ${routeOptions.url}`, headers.traceparent as string | undefined, body)
    if (call.traceId !== undefined) traces.set(request, call.traceId)
    reply.raw.once('close', () => call.end(reply.statusCode))
  })
}

type Traces = WeakMap<FastifyRequest, string>

function answererOfErrors({ logger, meter }: DoorOptions) {
  const shed: Readonly<Record<string, string>> = {
    GATEWAY_FULL: 'full',
    GATEWAY_NOT_READY: 'not_ready',
    RANKER_ABSENT: 'ranker',
    USER_ELSEWHERE: 'ranker',
  }
  // rates and increases need a first sample before the first event
  for (const reason of ['log', ...Object.values(shed)]) meter.add('feedloop_gateway_shed_total', { reason }, 0)
  return (reply: FastifyReply, error: FeedloopError): FastifyReply => {
    const problem = problemOf(error)
    if (problem.status >= 500 && problem.status < 503) logger.error({ err: error.cause ?? error }, 'call failed')
    if (problem.status === 503) {
      meter.add('feedloop_gateway_shed_total', { reason: shed[error.code] ?? 'log' })
    }
    return reply.code(problem.status).headers(headersOf(problem.status)).type(PROBLEM_TYPE).send(problem)
  }
}

/** Bounds how many are in, before their bodies are read, and measures each call. Once it is shut and the last one has left,
 * all connections end: Node keeps those open that were busy or new when the server was closed. */
function admit(
  server: FastifyInstance,
  { config, meter, logger, now }: DoorOptions,
  waitingFor: Answerer['waitingFor'],
  traces: Traces,
): { enter(request: FastifyRequest, reply: FastifyReply): void; shut(): void } {
  const guard = createGuard(config.gateway, 'gateway', now, logger)
  let inside = 0
  let shut = false
  const count = (step: -1 | 0 | 1): void => {
    inside += step
    meter.set('feedloop_gateway_waiting', {}, inside)
    if (shut && inside === 0) server.server.closeAllConnections()
  }
  count(0)
  const enter = (request: FastifyRequest, reply: FastifyReply): void => {
    const began = performance.now()
    const route = request.routeOptions.url ?? 'none'
    count(1)
    reply.raw.once('close', () => {
      count(-1)
      const code = String(reply.raw.writableFinished ? reply.statusCode : 499)
      meter.add('feedloop_gateway_requests_total', { route, code })
      const seconds = (performance.now() - began) / 1000
      meter.observe('feedloop_gateway_request_seconds', { route }, seconds, traces.get(request))
    })
    guard.admit(request)
    if (!route.startsWith('/v1/')) return
    if (shut) throw notReady('its end')
    // Of a call that may get its baseline back the body is read first.
    const early = route === RECOMMEND && config.gateway.unlogged === 'baseline'
    if (!early && waitingFor() !== '') throw notReady(waitingFor())
    const { maxWaiting } = config.gateway
    if (inside > maxWaiting) throw new FeedloopError('GATEWAY_FULL', `${maxWaiting} calls are waiting`)
  }
  server.addHook('onRequest', async (request, reply) => enter(request, reply))
  server.addHook('onSend', async (_request, reply) => {
    if (shut) reply.header('connection', 'close')
  })
  return {
    enter,
    shut() {
      shut = true
      count(0)
    },
  }
}
