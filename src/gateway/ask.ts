/**
 * One call of POST /v1/recommendations: append the request, wait for its accepted decision. The request id makes it
 * idempotent. The ranker decides an id once and passes a repetition over in silence, so the earlier decision is looked
 * for here: under way in this gateway, made lately (`decided.ts`, whichever gateway asked), or made by the time that our
 * own append was read (another gateway's came first).
 */
import type { Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { FeedloopError, isCode } from '../errors.ts'
import type { Fault } from '../events/validate.ts'
import { partitionFor } from '../log/partition.ts'
import type { Wire } from '../log/wire/wire.ts'
import { seedOf } from '../state/random.ts'
import type { Answer } from './answers.ts'
import type { Appends } from './append.ts'
import type { Decided } from './decided.ts'
import type { Earlier } from './earlier.ts'
import type { Heard } from './heard.ts'
import type { Wish } from './schemas.ts'
import { answerOf, baselineOf, type Decision, EXPIRED, isOf, requestFault, requestOf, sameWish } from './step.ts'
import type { Asked, Waiting } from './waiting.ts'

export interface Asking {
  readonly config: Config
  readonly wire: Wire
  readonly now: () => number
  readonly appends: Appends
  readonly waiting: Waiting
  readonly decided: Decided
  readonly heard: Heard
  readonly earlier: Earlier
}

export interface Given {
  readonly answer: Answer
  readonly kind: 'fresh' | 'repeated' | 'unlogged'
  /** To be activated once the answer is delivered; null: it counts already, the caller does it, or nothing was decided. */
  readonly toActivate: Decision | null
}

/** @param gone aborts when the caller leaves
 * @throws FeedloopError RECORD_INVALID, RECORD_CONTRADICTS, DEADLINE_EXCEEDED, LOG_UNAVAILABLE, RANKER_ABSENT, what the ranker
 * refuses it with; Stopped when the caller left */
export type Ask = (wish: Wish, gone: AbortSignal) => Promise<Given>

/** One call on its way. */
interface Call {
  readonly request: Request
  readonly partition: number
  readonly untilMs: number
  readonly gone: AbortSignal
}

export function createAsk(asking: Asking): Ask {
  const { config, now } = asking
  const { partitions } = config.topics
  return async (wish, gone) => {
    const request = requestOf(wish, now(), config.gateway)
    refuse(requestFault(wish, request, config))
    const untilMs = request.deadline_ms!
    if (untilMs <= request.time_ms) throw new FeedloopError('DEADLINE_EXCEEDED', `deadline_ms: ${untilMs} is over`)
    const call = { request, partition: partitionFor(request.user_id, partitions), untilMs, gone }
    try {
      // What could not be activated would be delivered and never count, and activations would pile up here.
      if (request.deferred && !wish.deferred) asking.appends.assertHeard('events', call.partition)
      const { decision, kind } = await decide(asking, call)
      const toActivate = decision.deferred && !wish.deferred ? decision : null
      return { answer: answerOf(inTime(decision)), kind, toActivate }
    } catch (error) {
      if (isCode(error, 'LOG_UNAVAILABLE')) return withoutLog(wish, config, error)
      throw error
    }
  }
}

/** A call that comes before there is a log. @throws FeedloopError RECORD_INVALID, `error` */
export function askEarly(wish: Wish, { config, now }: Pick<Asking, 'config' | 'now'>, error: FeedloopError): Given {
  refuse(requestFault(wish, requestOf(wish, now(), config.gateway), config))
  return withoutLog(wish, config, error)
}

/** The caller's own baseline, by configuration. @throws FeedloopError `error` */
function withoutLog({ policy, baseline, excluded, slots }: Wish, config: Config, error: unknown): Given {
  if (config.gateway.unlogged !== 'baseline' || baseline === null) throw error
  const { banned } = config.policies.find(({ name }) => name === policy)!.constraints
  const hidden = new Set([...banned, ...(excluded ?? [])])
  return { answer: baselineOf(baseline, hidden, slots), kind: 'unlogged', toActivate: null }
}

/** @throws FeedloopError of the fault, if there is one */
export function refuse(fault: Fault | null): void {
  if (fault !== null) throw new FeedloopError(fault.code, fault.detail)
}

/** @throws FeedloopError DEADLINE_EXCEEDED: an id is decided once, so this one has no answer any more */
function inTime(decision: Decision): Decision {
  if (decision.reason !== EXPIRED) return decision
  const detail = `${decision.decision_id} was read after its deadline and is spent; ask with a new request_id`
  throw new FeedloopError('DEADLINE_EXCEEDED', detail)
}

type Found = { readonly decision: Decision; readonly kind: 'fresh' | 'repeated' }

async function decide(asking: Asking, call: Call): Promise<Found> {
  const { waiting, decided } = asking
  const { request, partition } = call
  const place = waiting.of(request.request_id) ? null : decided.find(seedOf(request.request_id), partition)
  const earlier = place && (await within(call, asking.now, asking.earlier.decision(place)))
  if (earlier?.decision_id === request.request_id) {
    await agree(asking, call, earlier)
    return { decision: earlier, kind: 'repeated' }
  }
  const asked = waiting.of(request.request_id)
  if (asked !== undefined && !sameWish(asked.request, request)) throw contradiction(request)
  const mine = asked ?? send(asking, call)
  const decision = await waiting.wait(mine, call.untilMs, call.gone).catch(error => {
    throw mine.stored && isCode(error, 'DEADLINE_EXCEEDED') ? asking.heard.late(partition, error) : error
  })
  if (!isOf(decision, mine.request)) await agree(asking, call, decision)
  return { decision, kind: 'fresh' }
}

function send({ waiting, appends, heard, wire }: Asking, { request, partition }: Call): Asked {
  heard.assertHeard(partition)
  const value = wire.encode('requests', request)
  const asked = waiting.ask(request)
  const record = { key: Buffer.from(request.user_id), value, timestampMs: request.time_ms }
  appends.add('requests', partition, [record], asked.signal).then(
    () => {
      asked.stored = true
      // Its decision may have come before the acknowledgement.
      if (waiting.of(request.request_id) === asked) heard.stored(partition)
    },
    error => waiting.fail(asked, error),
  )
  return asked
}

/** @throws FeedloopError RECORD_CONTRADICTS unless the decision was made of a request like this one */
async function agree({ earlier, now }: Asking, call: Call, decision: Decision): Promise<void> {
  const { request, partition } = call
  const known = decision.user_id === request.user_id && decision.policy === request.policy
  const first = known ? await within(call, now, earlier.request(decision, partition)) : null
  if (!known || (first !== null && !sameWish(first, request))) throw contradiction(request)
}

const contradiction = ({ request_id }: Request): FeedloopError =>
  new FeedloopError('RECORD_CONTRADICTS', `request ${request_id} was asked before with other content`)

/** @throws FeedloopError LOG_UNAVAILABLE when the log does not answer before the deadline */
export async function within<T>(
  { untilMs }: Pick<Call, 'untilMs'>,
  now: () => number,
  reading: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>()
  const error = new FeedloopError('LOG_UNAVAILABLE', 'the log does not answer in time')
  const timer = setTimeout(() => late.reject(error), untilMs - now())
  try {
    return await Promise.race([reading, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
