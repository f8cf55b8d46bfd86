/**
 * Retirement: what can no longer change is dropped, by the clock. A join goes when its correction window is over for
 * every policy; a waiting outcome whose decision never came becomes an orphan, one that no decision claimed is organic.
 */
import { unmark } from './forget.ts'
import type { Join } from './join.ts'
import { sessionOf, withoutMember } from './session.ts'
import type { JoinerState } from './state.ts'
import { isEmptyTouch, type Touch, touchKey, withoutEvent, withoutShown } from './touch.ts'
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
  leaveSession(work, join)
  leaveTouches(work, join)
}

function leaveSession({ state }: Work, { decision }: Join): void {
  const session = state.sessions.get(sessionOf(decision))
  if (session) {
    const left = withoutMember(session, decision.decision_id)
    if (left.members.length > 0) state.sessions.set(sessionOf(decision), left)
    else state.sessions.delete(sessionOf(decision))
  }
}

/** Items of a decision that was shown lead to it, a mark to any other. */
function leaveTouches(work: Work, { decision, kind, active }: Join): void {
  if (kind !== 'open' || decision.deferred) unmark(work, decision.user_id, decision.decision_id)
  if (kind !== 'open' || !active) return
  for (const { item_id } of decision.slots)
    changeTouch(work, touchKey(decision.user_id, item_id), touch =>
      withoutShown(touch, decision.decision_id, decision.request_time_ms, work.rules),
    )
}

function changeTouch({ state: { touches } }: Work, key: string, change: (touch: Touch) => Touch): void {
  const before = touches.get(key)
  if (!before) return
  const touch = change(before)
  if (isEmptyTouch(touch)) touches.delete(key)
  else touches.set(key, touch)
}

function forget(work: Work, eventId: string): void {
  const { state } = work
  const seen = state.seen.get(eventId)
  if (!seen) return
  state.seen.delete(eventId)
  if (seen.awaits !== null) forgetWaiting(work, seen.awaits, eventId)
  if (seen.touch !== null) forgetUnnamed(work, seen.touch, eventId)
  if (seen.left !== null) forgetLeave(work, seen.left, eventId)
}

/** A session that was left and has no decision (any more). */
function forgetLeave(work: Work, session: string, eventId: string): void {
  const { state, rules } = work
  for (const policy of rules.policies.keys()) {
    const key = `${policy}\0${session}`
    if (state.sessions.get(key)?.members.length === 0) state.sessions.delete(key)
  }
  unmark(work, session.slice(0, session.indexOf('\0')), eventId)
}

function forgetWaiting(work: Work, decisionId: string, eventId: string): void {
  const waiting = work.state.waiting.get(decisionId)
  const late = waiting?.find(input => input.value.event_id === eventId)
  if (!waiting || !late) return
  orphan(work, late, `no decision ${decisionId} came within the correction window`)
  const left = waiting.filter(input => input !== late)
  if (left.length > 0) work.state.waiting.set(decisionId, left)
  else work.state.waiting.delete(decisionId)
  const { user_id } = late.value
  if (!left.some(({ value }) => value.user_id === user_id)) unmark(work, user_id, decisionId)
}

function forgetUnnamed(work: Work, key: string, eventId: string): void {
  const touch = work.state.touches.get(key)
  if (!touch) return
  const unclaimed = touch.events.some(({ event, to }) => event.event_id === eventId && to.length === 0)
  if (unclaimed) countOutcome(work, 'organic')
  changeTouch(work, key, () => withoutEvent(touch, eventId))
}
