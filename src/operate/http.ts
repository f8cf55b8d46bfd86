/**
 * The operator's door of a process, open before anything else: /livez (the event loop turns; never depends on Kafka),
 * /readyz (every service has what it needs; else 503 with what is awaited), /metrics (OpenMetrics, one format for the life of the process), and of a ranker
 * /v1/users/{id}/state for users of its partitions; 421 for the others'.
 */
import Fastify, { type FastifyInstance } from 'fastify'
import { FeedloopError } from '../errors.ts'
import type { UserAnswer } from '../gateway/answers.ts'
import { MAX_PATH_TEXT } from '../gateway/json-schema.ts'
import { PROBLEM_TYPE, problemOf } from '../gateway/problem.ts'
import type { ServiceContext } from './context.ts'

/** RFC 9110, 15.5.20: another process may have it. */
const MISDIRECTED = 421

/** What readiness depends on. */
export interface Awaited {
  readonly name: string
  /** Empty when ready, else what is awaited. */
  waitingFor(): string
  readonly describe?: (userId: string) => UserAnswer
}

/** @throws FeedloopError PORT_UNAVAILABLE */
export async function openOperatorDoor(
  { config, meter }: Pick<ServiceContext, 'config' | 'meter'>,
  services: () => readonly Awaited[],
): Promise<{ port: number; close(): Promise<void> }> {
  const server: FastifyInstance = Fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PATH_TEXT },
  })
  server.get('/livez', async () => ({ status: 'alive' }))
  server.get('/readyz', async (_request, reply) => {
    const waiting = Object.fromEntries(
      services()
        .map(service => [service.name, service.waitingFor()] as const)
        .filter(([, awaited]) => awaited !== ''),
    )
    const ready = services().length > 0 && Object.keys(waiting).length === 0
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'waiting', waiting })
  })
  server.get('/metrics', async (_request, reply) =>
    reply.header('content-type', meter.registry.contentType).send(await meter.registry.metrics()),
  )
  server.get<{ Params: { id: string } }>('/v1/users/:id/state', async ({ params }, reply) => {
    try {
      const ranker = services().find(service => service.describe !== undefined)
      if (ranker === undefined) throw new FeedloopError('USER_ELSEWHERE', 'no ranker runs in this process')
      return ranker.describe!(params.id)
    } catch (error) {
      if (!(error instanceof FeedloopError)) throw error
      const problem = problemOf(error)
      const status = error.code === 'USER_ELSEWHERE' ? MISDIRECTED : problem.status
      return reply
        .code(status)
        .type(PROBLEM_TYPE)
        .send({ ...problem, status })
    }
  })
  const { host, port } = config.http
  await server.listen({ host, port }).catch(cause => {
    throw new FeedloopError('PORT_UNAVAILABLE', `http.port: ${cause.message}`, { cause })
  })
  const address = server.server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () => server.close(),
  }
}
