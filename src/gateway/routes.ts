/** The routes, and the OpenAPI document that is made from their schemas. */
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { FeedloopError } from '../errors.ts'
import { type Ask, askEarly } from './ask.ts'
import type { Publish, Withdraw } from './catalogue.ts'
import type { DoorOptions } from './http.ts'
import { MAX_TEXT } from './json-schema.ts'
import { PROBLEM_TYPE } from './problem.ts'
import {
  answerSchema,
  appendedSchema,
  type EventsBody,
  eventsSchema,
  type ItemsBody,
  itemsSchema,
  problemSchema,
  userAnswerSchema,
  type Wish,
  wishSchema,
} from './schemas.ts'
import type { Look } from './state.ts'
import type { Decision } from './step.ts'
import type { Tell } from './tell.ts'

/** Who answers the calls. */
export interface Answerer {
  readonly ask: Ask
  readonly tell: Tell
  readonly publish: Publish
  readonly withdraw: Withdraw
  readonly look: Look
  /** Its answer was handed to the socket. */
  readonly delivered: (decision: Decision) => void
  /** Empty when calls can be answered, else what is awaited. */
  readonly waitingFor: () => string
}

/** Statuses that callers should know, with what they mean; 400 and 5xx of each route. */
const problems = {
  400: 'The body or the id breaks a rule; the detail names the field.',
  401: 'The door asks for a token or a certificate.',
  404: 'Nothing is known of this user.',
  409: 'The request id was asked before with other content.',
  413: 'The body is too large.',
  415: 'The body is not declared as JSON.',
  422: 'What would be logged of it is too large.',
  429: 'More calls than the rate of the door allows: again after Retry-After.',
  500: 'A bug.',
  503: 'The log or the ranker is away, the gateway is full, not ready or stopping: again after Retry-After, with the same ids.',
  504: 'The deadline is over.',
} as const

export const RECOMMEND = '/v1/recommendations'

export const notReady = (awaited: string): FeedloopError =>
  new FeedloopError('GATEWAY_NOT_READY', `waiting for ${awaited}`)

/** @param answerer of a call that was let in */
export async function addRoutes(
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
    response: { 200: body(answerSchema(), 'The slate.'), ...refused(400, 401, 409, 413, 415, 422, 429, 500, 503, 504) },
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
    response: { 200: body(appendedSchema, 'All of it is stored.'), ...refused(400, 401, 413, 415, 429, 500, 503) },
  }
  server.post<{ Body: EventsBody }>('/v1/events', { schema: events }, async request => {
    await answerer().tell(request.body.events)
    return { appended: request.body.events.length }
  })

  const items = {
    operationId: 'publish',
    summary:
      'Put items into the catalogue, or change them. Idempotent: of two states of an item the later `time_ms` holds.',
    body: itemsSchema(config.gateway),
    response: { 200: body(appendedSchema, 'All of it is stored.'), ...refused(400, 401, 413, 415, 429, 500, 503) },
  }
  server.post<{ Body: ItemsBody }>('/v1/items', { schema: items }, async request => {
    await answerer().publish(request.body.items)
    return { appended: request.body.items.length }
  })

  const item = {
    operationId: 'withdraw',
    summary: 'Take an item out of the catalogue, until a state of it that is later than this call. Idempotent.',
    params: idOf('Item'),
    response: { 200: body(appendedSchema, 'It is stored.'), ...refused(400, 401, 429, 500, 503) },
  }
  server.delete<{ Params: { id: string } }>('/v1/items/:id', { schema: item }, async ({ params }) => {
    await answerer().withdraw(params.id)
    return { appended: 1 }
  })

  const state = {
    operationId: 'userState',
    summary: 'What is known of a user.',
    params: idOf('User'),
    response: { 200: body(userAnswerSchema(), 'The state.'), ...refused(400, 401, 404, 429, 500, 503, 504) },
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

const idOf = (whose: string) => ({
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', maxLength: MAX_TEXT, description: `${whose} id.` } },
})
