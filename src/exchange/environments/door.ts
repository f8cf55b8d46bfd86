/**
 * An environment over HTTP, for agents in other languages (examples/exchange/feedloop_env.py is a Gymnasium one):
 *   GET  /v1/environment                            what it is
 *   POST /v1/episodes            { seed, index }    begins an episode
 *   POST /v1/episodes/{id}/step  { slate }          shows a slate
 * There is no authentication: it listens on the loopback unless told otherwise.
 */
import Fastify, { type FastifyReply } from 'fastify'
import type { Environment } from '../../environments/environment.ts'
import { FeedloopError } from '../../errors.ts'
import { knownError, PROBLEM_TYPE, problemOf } from '../../gateway/problem.ts'
import { createEpisodes } from './episodes.ts'

export interface DoorOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Episodes open at once. */
  readonly episodes: number
}

const MAX_BODY_BYTES = 64 << 10
const MAX_SLATE = 1000

const whole = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }
const resetBody = { type: 'object', additionalProperties: false, properties: { seed: whole, index: whole } }
const stepBody = {
  type: 'object',
  required: ['slate'],
  additionalProperties: false,
  properties: { slate: { type: 'array', maxItems: MAX_SLATE, items: { type: 'string', maxLength: 1000 } } },
}

/** @throws FeedloopError PORT_UNAVAILABLE */
export async function openEnvironmentDoor(
  environment: Environment,
  { host, port, episodes: most }: DoorOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const episodes = createEpisodes(environment, most)
  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    logger: { level: 'error', stream: process.stderr },
    forceCloseConnections: true,
    frameworkErrors: (error, _request, reply) => void answer(reply, error),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  server.removeContentTypeParser('text/plain')
  server.setErrorHandler((error, _request, reply) => answer(reply, error))
  server.setNotFoundHandler(({ method, url }, reply) =>
    answer(reply, new FeedloopError('HTTP_NOT_FOUND', `${method} ${url}`)),
  )
  server.get('/v1/environment', async () => episodes.described)
  server.post<{ Body: { seed: number; index: number } }>(
    '/v1/episodes',
    { schema: { body: resetBody } },
    async ({ body }) => episodes.reset(body.seed, body.index),
  )
  server.post<{ Params: { id: string }; Body: { slate: string[] } }>(
    '/v1/episodes/:id/step',
    { schema: { body: stepBody } },
    async ({ params, body }) => episodes.step(params.id, body.slate),
  )
  await server.listen({ host, port }).catch(cause => {
    throw new FeedloopError('PORT_UNAVAILABLE', `--port: ${cause.message}`, { cause })
  })
  return { port: (server.server.address() as { port: number }).port, close: () => server.close() }
}

function answer(reply: FastifyReply, error: unknown): FastifyReply {
  const problem = problemOf(knownError(error))
  if (problem.status >= 500) reply.log.error(error)
  return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
}
