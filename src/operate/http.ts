/**
 * The operator's door of a process, open before anything else: /livez (the event loop turns; never depends on Kafka),
 * /readyz (every service has what it needs; else 503 with what is awaited), /metrics (OpenMetrics, one format for the life of the process), and of a ranker
 * /v1/users/{id}/state for users of its partitions; 421 for the others'. Where it asks for a token or a certificate, whoever has none
 * learns no more of a probe than its status.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FeedloopError } from '../errors.ts'
import type { UserAnswer } from '../gateway/answers.ts'
import { createGuard } from '../gateway/door/guard.ts'
import { createServer, listen, pathRefusal } from '../gateway/door/server.ts'
import { headersOf, knownError, PROBLEM_TYPE, problemOf } from '../gateway/problem.ts'
import type { ServiceContext } from './context.ts'

/** RFC 9110, 15.5.20: another process may have it. */
const MISDIRECTED = 421
/** Nobody has anything to send here. */
const MAX_BODY_BYTES = 1024
const probes: readonly string[] = ['/livez', '/readyz']

/** What readiness depends on. */
export interface Awaited {
  readonly name: string
  /** Empty when ready, else what is awaited. */
  waitingFor(): string
  readonly describe?: (userId: string) => UserAnswer
}

/** @throws FeedloopError PORT_UNAVAILABLE, SECRET_MISSING, CONFIG_INVALID */
export async function openOperatorDoor(
  { config: { http }, meter, logger }: Pick<ServiceContext, 'config' | 'meter' | 'logger'>,
  services: () => readonly Awaited[],
): Promise<{ port: number; close(): Promise<void> }> {
  const guard = createGuard(http, 'http', Date.now, logger)
  const enter = (request: FastifyRequest): void => {
    if (!(http.openProbes && probes.includes(request.routeOptions.url ?? ''))) guard.admit(request)
  }
  const server = createServer(http, 'http', logger, {
    logger: false,
    forceCloseConnections: true,
    bodyLimit: MAX_BODY_BYTES,
    frameworkErrors: pathRefusal(enter, refuse),
  })
  server.setErrorHandler((error, _request, reply) => {
    const known = knownError(error)
    if (known.code === 'HTTP_FAULT') logger.error({ err: error }, 'call failed')
    return refuse(reply, known)
  })
  server.setNotFoundHandler((request, reply) =>
    refuse(reply, new FeedloopError('HTTP_NOT_FOUND', `${request.method} ${request.url}`)),
  )
  server.addHook('onRequest', async request => enter(request))
  server.get('/livez', async () => ({ status: 'alive' }))
  server.get('/readyz', async (request, reply) => {
    const waiting = Object.fromEntries(
      services()
        .map(service => [service.name, service.waitingFor()] as const)
        .filter(([, awaited]) => awaited !== ''),
    )
    const ready = services().length > 0 && Object.keys(waiting).length === 0
    const status = ready ? 'ready' : 'waiting'
    return reply.code(ready ? 200 : 503).send(guard.knows(request) ? { status, waiting } : { status })
  })
  server.get('/metrics', async (_request, reply) =>
    reply.header('content-type', meter.registry.contentType).send(await meter.registry.metrics()),
  )
  server.get<{ Params: { id: string } }>('/v1/users/:id/state', async ({ params }) => {
    const ranker = services().find(service => service.describe !== undefined)
    if (ranker === undefined) throw new FeedloopError('USER_ELSEWHERE', 'no ranker runs in this process')
    return ranker.describe!(params.id)
  })
  return { port: await listen(server, http, 'http'), close: () => server.close() }
}

function refuse(reply: FastifyReply, error: FeedloopError): FastifyReply {
  const problem = problemOf(error)
  const status = error.code === 'USER_ELSEWHERE' ? MISDIRECTED : problem.status
  return reply
    .code(status)
    .headers(headersOf(status))
    .type(PROBLEM_TYPE)
    .send({ ...problem, status })
}
