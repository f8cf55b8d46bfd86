/**
 * The callers' door: three routes and the OpenAPI document that is made from their schemas. Open from the start, so that
 * who comes too early is told so; whoever has been let in is answered, also while the door closes.
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import { Stopped } from '../log/chain/rim.ts'
import type { Meter } from '../metrics.ts'
import { type Ask, askEarly } from './ask.ts'
import { knownError, PROBLEM_TYPE, problemOf, RETRY_AFTER } from './problem.ts'
import {
  answerSchema,
  appendedSchema,
  type EventsBody,
  eventsSchema,
  problemSchema,
  userAnswerSchema,
  type Wish,
  wishSchema,
} from './schemas.ts'
import type { Look } from './state.ts'
import type { Decision } from './step.ts'
import type { Tell } from './tell.ts'

/** What every door needs. */
interface DoorOptions {
  readonly config: Config
  readonly meter: Meter
  readonly logger: Logger
  readonly now: () => number
}

/** Who answers the calls. */
export interface Answerer {
  readonly ask: Ask
  readonly tell: Tell
  readonly look: Look
  /** Its answer was handed to the socket. */
  readonly delivered: (decision: Decision) => void
  /** Empty when calls can be answered, else what is awaited. */
  readonly waitingFor: () => string
}

export interface Door {
  readonly port: number
  /** From now on calls are let in to be answered by it; until then they are told that the log is awaited. */
  lead(to: Answerer): void
  /** Takes nobody in any more; resolves when all who are in have their answers, soon after the last deadline at the latest. */
  close(): Promise<void>
}

/** Statuses that callers should know, with what they mean; 400 and 5xx of each route. */
const problems = {
  400: 'The body breaks a rule; the detail names the field.',
  404: 'Nothing is known of this user.',
  409: 'The request id was asked before with other content.',
  413: 'The body is too large.',
  415: 'The body is not declared as JSON.',
  422: 'What would be logged of it is too large.',
  500: 'A bug.',
  503: 'The log or the ranker is away, the gateway is full, not ready or stopping: again after Retry-After, with the same ids.',
  504: 'The deadline is over.',
} as const

const RECOMMEND = '/v1/recommendations'
/** From the last deadline to the end of all connections, ms. */
const LEAVE_MS = 1000

/** @throws FeedloopError PORT_UNAVAILABLE */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { host, port, maxBodyBytes, maxTimeoutMs } = options.config.gateway
  const answer = answererOfErrors(options)
  const server = Fastify({
    frameworkErrors: (error, _request, reply) => void answer(reply, knownError(error)),
    bodyLimit: maxBodyBytes,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    requestTimeout: 30_000,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true, strictTypes: false } },
  })
  server.setSerializerCompiler(() => data => JSON.stringify(data))
  server.removeAllContentTypeParsers()
  const parse = server.getDefaultJsonParser('error', 'error')
  // Decoded leniently two ids could become one.
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) =>
    isUtf8(body)
      ? parse(request, body.toString(), done)
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
  const entrance = admit(server, options, waitingFor)
  await addRoutes(server, options, waitingFor, () => answerer!)
  await server.listen({ host, port }).catch(cause => {
    throw new FeedloopError('PORT_UNAVAILABLE', `gateway.port: ${cause.message}`, { cause })
  })
  const bound = (server.server.address() as { port: number }).port
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

function answererOfErrors({ logger, meter }: DoorOptions) {
  const shed: Readonly<Record<string, string>> = {
    GATEWAY_FULL: 'full',
    GATEWAY_NOT_READY: 'not_ready',
    RANKER_ABSENT: 'ranker',
    USER_ELSEWHERE: 'ranker',
  }
  return (reply: FastifyReply, error: FeedloopError): FastifyReply => {
    const problem = problemOf(error)
    if (problem.status >= 500 && problem.status < 503) logger.error({ err: error.cause ?? error }, 'call failed')
    if (problem.status === 503) {
      meter.add('feedloop_gateway_shed_total', { reason: shed[error.code] ?? 'log' })
      reply.header('retry-after', RETRY_AFTER)
    }
    return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
  }
}

/** Bounds how many are in, before their bodies are read, and measures each call. Once it is shut and the last one has left,
 * all connections end: Node keeps those open that were busy or new when the server was closed. */
function admit(
  server: FastifyInstance,
  { config, meter }: DoorOptions,
  waitingFor: Answerer['waitingFor'],
): { shut(): void } {
  let inside = 0
  let shut = false
  const count = (step: -1 | 0 | 1): void => {
    inside += step
    meter.set('feedloop_gateway_waiting', {}, inside)
    if (shut && inside === 0) server.server.closeAllConnections()
  }
  count(0)
  server.addHook('onRequest', async ({ routeOptions }, reply) => {
    const began = performance.now()
    const route = routeOptions.url ?? 'none'
    count(1)
    reply.raw.once('close', () => {
      count(-1)
      const code = String(reply.raw.writableFinished ? reply.statusCode : 499)
      meter.add('feedloop_gateway_requests_total', { route, code })
      meter.observe('feedloop_gateway_request_seconds', { route }, (performance.now() - began) / 1000)
    })
    if (!route.startsWith('/v1/')) return
    if (shut) throw notReady('its end')
    // Of a call that may get its baseline back the body is read first.
    const early = route === RECOMMEND && config.gateway.unlogged === 'baseline'
    if (!early && waitingFor() !== '') throw notReady(waitingFor())
    const { maxWaiting } = config.gateway
    if (inside > maxWaiting) throw new FeedloopError('GATEWAY_FULL', `${maxWaiting} calls are waiting`)
  })
  server.addHook('onSend', async (_request, reply) => {
    if (shut) reply.header('connection', 'close')
  })
  return {
    shut() {
      shut = true
      count(0)
    },
  }
}

const notReady = (awaited: string): FeedloopError => new FeedloopError('GATEWAY_NOT_READY', `waiting for ${awaited}`)

/** @param answerer of a call that was let in */
async function addRoutes(
  server: FastifyInstance,
  options: DoorOptions,
  waitingFor: Answerer['waitingFor'],
  answerer: () => Answerer,
): Promise<void> {
  const { config, meter } = options
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'feedloop', version, description: 'The decision loop over HTTP.' },
    },
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
  })
  server.addSchema({ $id: 'Problem', ...problemSchema })
  const body = (schema: object, description: string) => ({ description, content: { 'application/json': { schema } } })
  const refused = (...statuses: readonly (keyof typeof problems)[]) =>
    Object.fromEntries(
      statuses.map(status => [
        status,
        { description: problems[status], content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } } },
      ]),
    )

  const recommend = {
    operationId: 'recommend',
    summary: 'Ask for a slate. Idempotent by `request_id`.',
    body: wishSchema(config.gateway),
    response: { 200: body(answerSchema(), 'The slate.'), ...refused(400, 409, 413, 415, 422, 500, 503, 504) },
  }
  server.post<{ Body: Wish }>(RECOMMEND, { schema: recommend }, async (request, reply) => {
    const awaited = waitingFor()
    const { answer, kind, toActivate } =
      awaited === ''
        ? await answerer().ask(request.body, goneSignal(reply))
        : askEarly(request.body, options, notReady(awaited))
    meter.add('feedloop_gateway_answers_total', { kind })
    if (toActivate !== null) reply.raw.once('finish', () => answerer().delivered(toActivate))
    return answer
  })

  const events = {
    operationId: 'tell',
    summary: 'Tell what people did. Idempotent by `event_id`.',
    body: eventsSchema(config.gateway),
    response: { 200: body(appendedSchema, 'All of it is stored.'), ...refused(400, 413, 415, 500, 503) },
  }
  server.post<{ Body: EventsBody }>('/v1/events', { schema: events }, async request => {
    await answerer().tell(request.body.events)
    return { appended: request.body.events.length }
  })

  const state = {
    operationId: 'userState',
    summary: 'What is known of a user.',
    params: { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'User id.' } } },
    response: { 200: body(userAnswerSchema(), 'The state.'), ...refused(404, 500, 503, 504) },
  }
  server.get<{ Params: { id: string } }>('/v1/users/:id/state', { schema: state }, (request, reply) =>
    answerer().look(request.params.id, goneSignal(reply)),
  )

  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
}

/** Aborts when the caller leaves before the answer. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => reply.raw.writableFinished || gone.abort())
  return gone.signal
}
