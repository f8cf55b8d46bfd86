/**
 * Retirement: what can no longer change is dropped, by the clock. A join goes when its correction window is over for
 * every policy; a waiting outcome whose decision never came becomes an orphan, one that no decision claimed is organic.
 */
import type { Join } from './join.ts'
import { sessionOf, withoutMember } from './session.ts'
import type { JoinerState } from './state.ts'
import { type Touch, touchKey } from './touch.ts'
import { countDecision, countOutcome, orphan, type Work } from './work.ts'

/** Joins and events dropped a step, about: a long silence must not make one endless step. */
const RETIRED_A_STEP = 5000

/** The time up to which things may go: nothing does before what is as old was written. */
export const retiredUntil = ({ closing }: JoinerState, nowMs: number): number => Math.min(nowMs, closing.earliestMs())

export function retire(work: Work, nowMs: number): void {
  const { retiring, forgetting } = work.state
  const untilMs = retiredUntil(work.state, nowMs)
  for (const id of retiring.take(untilMs, RETIRED_A_STEP)) retireJoin(work, id)
  for (const id of forgetting.take(untilMs, RETIRED_A_STEP)) forget(work, id)
}

function retireJoin(work: Work, id: string): void {
  const join = work.state.joins.get(id)
  if (!join) return
  if (join.kind === 'open' && !join.active) countDecision(work, 'inactive')
  work.state.joins.delete(id)
  leaveTables(work, join)
}

function leaveTables({ state }: Work, { decision }: Join): void {
  const session = state.sessions.get(sessionOf(decision))
  if (session) {
    const left = withoutMember(session, decision.decision_id)
    if (left.members.length > 0) state.sessions.set(sessionOf(decision), left)
    else state.sessions.delete(sessionOf(decision))
  }
  for (const { item_id } of decision.slots) keepTouch(state, touchKey(decision.user_id, item_id))
  keepTouch(state, touchKey(decision.user_id, ''))
}

/** A touch without what no longer matters: a decision that is retired stays while outcomes are shared with it, lest they
 * move to others. */
export function keepTouch(state: Work['state'], key: string, events = state.touches.get(key)?.events): void {
  const touch = state.touches.get(key)
  if (!touch || !events) return
  const shared = new Set(events.flatMap(each => each.to))
  const owns = (userId: string | undefined) => userId !== undefined && key.startsWith(`${userId}\0`)
  const matters = (id: string) =>
    owns(state.joins.get(id)?.decision.user_id) ||
    state.waiting.get(id)?.some(({ value }) => owns(value.user_id)) ||
    state.seen.get(id)?.left
  const shown = touch.shown.filter(({ id }) => shared.has(id) || matters(id))
  const left: Touch = { shown, events }
  if (shown.length + events.length > 0) state.touches.set(key, left)
  else state.touches.delete(key)
}

function forget(work: Work, eventId: string): void {
  const { state } = work
  const seen = state.seen.get(eventId)
  if (!seen) return
  state.seen.delete(eventId)
  if (seen.awaits !== null) forgetWaiting(work, seen.awaits, eventId)
  if (seen.touch !== null) forgetUnnamed(work, seen.touch, eventId)
  if (seen.left !== null) forgetLeave(work, seen.left)
}

/** A session that was left and has no decision (any more). */
function forgetLeave({ state, rules }: Work, session: string): void {
  for (const policy of rules.policies.keys()) {
    const key = `${policy}\0${session}`
    if (state.sessions.get(key)?.members.length === 0) state.sessions.delete(key)
  }
  keepTouch(state, touchKey(session.slice(0, session.indexOf('\0')), ''))
}

function forgetWaiting(work: Work, decisionId: string, eventId: string): void {
  const waiting = work.state.waiting.get(decisionId)
  const late = waiting?.find(input => input.value.event_id === eventId)
  if (!waiting || !late) return
  orphan(work, late, `no decision ${decisionId} came within the correction window`)
  const left = waiting.filter(input => input !== late)
  if (left.length > 0) work.state.waiting.set(decisionId, left)
  else work.state.waiting.delete(decisionId)
  keepTouch(work.state, touchKey(late.value.user_id, ''))
}

function forgetUnnamed(work: Work, key: string, eventId: string): void {
  const touch = work.state.touches.get(key)
  if (!touch) return
  const unclaimed = touch.events.some(({ event, to }) => event.event_id === eventId && to.length === 0)
  if (unclaimed) countOutcome(work, 'organic')
  const events = touch.events.filter(({ event }) => event.event_id !== eventId)
  keepTouch(work.state, key, events)
}
