/**
 * The gateway's own logic, without I/O: from a body to the Request that is appended, from a decision to an answer and to
 * the event that activates it. What keeps state is beside it: `waiting.ts` (who waits), `decided.ts` (what was decided).
 */
import type { BehaviorEvent, Recommendation, Request } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { type Fault, unknownPolicy, validateForeignEvent, validateRequest } from '../events/validate.ts'
import { type Answer, answerFields, type Logged } from './answers.ts'
import type { Wish } from './schemas.ts'

/** What the gateway reads of a decision; the rest of the record is passed over. */
export const decisionFields = [
  ...answerFields,
  'request_time_ms',
  'deadline_ms',
  'seed',
  'deferred',
] as const satisfies readonly (keyof Recommendation)[]
export type Decision = Readonly<Pick<Recommendation, (typeof decisionFields)[number]>>

/** Why an answer is not to be given: the ranker took the request after its deadline. */
export const EXPIRED = 'expired'

/** The Request that a body asks for. Deferred: it counts once an `activate` event says that it was delivered.
 * @param nowMs its arrival, ms since the epoch */
export function requestOf(wish: Wish, nowMs: number, { timeoutMs, maxTimeoutMs, defer }: Config['gateway']): Request {
  const { timeout_ms, deadline_ms, ...fields } = wish
  const until = nowMs + Math.min(timeout_ms ?? timeoutMs, maxTimeoutMs)
  return {
    ...fields,
    time_ms: nowMs,
    deadline_ms: Math.min(until, deadline_ms ?? until),
    deferred: defer || wish.deferred,
  }
}

/** RECORD_INVALID: what the ranker would refuse is told at once. */
export function requestFault(wish: Wish, request: Request, config: Config): Fault | null {
  if (wish.deadline_ms !== null && wish.deadline_ms <= 0)
    return { code: 'RECORD_INVALID', detail: `deadline_ms: ${wish.deadline_ms} is not a time` }
  const policies = new Set(config.policies.map(({ name }) => name))
  return validateRequest(request, request.time_ms, config.limits) ?? unknownPolicy(request, policies)
}

/** The first event that no stage would take, and why. */
export const eventsFault = (events: readonly BehaviorEvent[], nowMs: number, limits: Config['limits']): Fault | null =>
  firstFault('events', events, event => validateForeignEvent(event, nowMs, limits))

/** @param name of the list, for the detail */
export function firstFault<T>(name: string, values: readonly T[], faultOf: (value: T) => Fault | null): Fault | null {
  for (const [index, value] of values.entries()) {
    const fault = faultOf(value)
    if (fault !== null) return { ...fault, detail: `${name}[${index}]: ${fault.detail}` }
  }
  return null
}

/** What a request asks for, whoever asks again and when: two with one id must agree in it. */
const wished = (request: Request): string => {
  const { user_id, session_id, policy, slots, context, candidates, baseline, excluded, pinned } = request
  const words = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))
  const places = pinned?.toSorted((a, b) => a.position - b.position)
  return JSON.stringify([user_id, session_id, policy, slots, words, candidates, baseline, excluded, places])
}

export const sameWish = (a: Request, b: Request): boolean => wished(a) === wished(b)

/** Was the decision made of this very append of the request? Another gateway's, of the same id, may have come before it;
 * one of the same millisecond and deadline would be taken for ours. */
export const isOf = (decision: Decision, request: Request): boolean =>
  decision.user_id === request.user_id &&
  decision.policy === request.policy &&
  decision.request_time_ms === request.time_ms &&
  decision.deadline_ms === request.deadline_ms

export const answerOf = (decision: Decision): Logged => ({
  logged: true,
  items: decision.slots.map(({ item_id }) => item_id),
  decision_id: decision.decision_id,
  policy: decision.policy,
  user_id: decision.user_id,
  session_id: decision.session_id,
  decision_time_ms: decision.decision_time_ms,
  model_version: decision.model_version,
  release_version: decision.release_version,
  mode: decision.mode,
  chosen_by: decision.chosen_by,
  propensity_kind: decision.propensity_kind,
  slots: decision.slots,
  slate_hash: decision.slate_hash,
  reason: decision.reason,
  shadow_slate: decision.shadow_slate,
  explanation: decision.explanation,
})

/** What may be shown of a baseline as far as it is known without the log.
 * @param hidden what the request excludes and its policy bans */
export const baselineOf = (baseline: readonly string[], hidden: ReadonlySet<string>, slots: number): Answer => ({
  logged: false,
  items: baseline.filter(itemId => !hidden.has(itemId)).slice(0, slots),
  reason: 'log_unavailable',
})

/** Says that the answer was handed over. A repetition is another delivery, and another event: the joiner takes the first. */
export const activationOf = (decision: Decision, nowMs: number): BehaviorEvent => ({
  event_id: `${decision.decision_id}/activate/${nowMs}`,
  user_id: decision.user_id,
  session_id: decision.session_id,
  decision_id: decision.decision_id,
  item_id: null,
  slot: null,
  type: 'activate',
  slate_hash: decision.slate_hash,
  value: null,
  time_ms: nowMs,
})
