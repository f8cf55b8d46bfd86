/**
 * Retirement: what can no longer change is dropped, by the clock. A join goes when its correction window is over for
 * every policy; a waiting outcome whose decision never came becomes an orphan, one that no decision claimed is organic.
 */
import { touchKey } from './attribution.ts'
import type { Join } from './join.ts'
import { sessionOf, withoutMember } from './session.ts'
import { countDecision, countOutcome, type Work } from './work.ts'

/** Joins and events dropped a step, about: a long silence must not make one endless step. */
const RETIRED_A_STEP = 5000

export function retire(work: Work, nowMs: number): void {
  if (work.state.closing.nextMs() > nowMs) {
    for (const id of work.state.retiring.take(nowMs, RETIRED_A_STEP)) retireJoin(work, id)
    for (const id of work.state.forgetting.take(nowMs, RETIRED_A_STEP)) forget(work, id)
  }
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
  for (const { item_id } of decision.slots) {
    const key = touchKey(decision.user_id, item_id)
    const touch = state.touches.get(key)
    if (!touch) continue
    const shown = touch.shown.filter(each => each.id !== decision.decision_id)
    if (shown.length + touch.events.length > 0) state.touches.set(key, { ...touch, shown })
    else state.touches.delete(key)
  }
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
}

function forgetWaiting(work: Work, decisionId: string, eventId: string): void {
  const waiting = work.state.waiting.get(decisionId)
  const left = waiting?.filter(input => input.value.event_id !== eventId)
  if (!waiting || left!.length === waiting.length) return
  countOutcome(work, 'orphan')
  if (left!.length > 0) work.state.waiting.set(decisionId, left!)
  else work.state.waiting.delete(decisionId)
}

function forgetUnnamed(work: Work, key: string, eventId: string): void {
  const touch = work.state.touches.get(key)
  if (!touch) return
  const unclaimed = touch.events.some(({ event, to }) => event.event_id === eventId && to === null)
  if (unclaimed) countOutcome(work, 'organic')
  const events = touch.events.filter(({ event }) => event.event_id !== eventId)
  if (events.length + touch.shown.length > 0) work.state.touches.set(key, { ...touch, events })
  else work.state.touches.delete(key)
}
