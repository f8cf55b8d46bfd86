/**
 * Retirement: what can no longer change is dropped, by the clock. A join goes when its correction window is over for
 * every policy; a waiting outcome whose decision never came becomes an orphan, one that no decision claimed is organic.
 */
import { unmark } from './forget.ts'
import { hasShown, type Join } from './join.ts'
import { type Session, sessionOf, userKey, withoutMember } from './session.ts'
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
  for (const id of retiring.take(untilMs, RETIRED_A_STEP)) retireJoin(work, id, untilMs)
  for (const id of forgetting.take(untilMs, RETIRED_A_STEP)) forget(work, id, untilMs)
}

function retireJoin(work: Work, id: string, untilMs: number): void {
  const join = work.state.joins.get(id)
  if (!join) return
  if (join.kind === 'open' && !join.active) countDecision(work, 'inactive')
  work.state.joins.delete(id)
  leaveSession(work, join, untilMs)
  leaveTouches(work, join)
}

function leaveSession(work: Work, { decision }: Join, untilMs: number): void {
  const session = work.state.sessions.get(sessionOf(decision))
  if (!session) return
  const left = withoutMember(session, decision.decision_id)
  keepSession(work, sessionOf(decision), left, untilMs)
  if (left.members.length > 0 || session.members.length === 0) return
  const user = userKey(decision.policy, decision.user_id)
  const sessions = work.state.sessions.get(user)
  if (sessions) keepSession(work, user, withoutMember(sessions, decision.session_id), untilMs)
}

/** A `leave` is kept as long as any record, with or without decisions: later ones in its session do not prolong it. */
function keepSession({ state, rules }: Work, key: string, session: Session, untilMs: number): void {
  const isOver = session.leaveMs + rules.keepMs <= untilMs
  const { members, leaveMs } = isOver ? { ...session, leaveMs: -1 } : session
  if (members.length === 0 && leaveMs < 0) state.sessions.delete(key)
  else state.sessions.set(key, { members, leaveMs })
}

/** Items of a decision that was shown lead to it, a mark to any other. */
function leaveTouches(work: Work, join: Join): void {
  const { decision, active } = join
  if (!hasShown(join) || decision.deferred) unmark(work, decision.user_id, decision.decision_id)
  if (!hasShown(join) || !active) return
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

function forget(work: Work, eventId: string, untilMs: number): void {
  const { state } = work
  const seen = state.seen.get(eventId)
  if (!seen) return
  state.seen.delete(eventId)
  if (seen.awaits !== null) forgetWaiting(work, seen.awaits, eventId)
  if (seen.touch !== null) forgetUnnamed(work, seen.touch, eventId)
  if (seen.left !== null) forgetLeave(work, seen.left, eventId, untilMs)
}

/** @param left user and session */
function forgetLeave(work: Work, left: string, eventId: string, untilMs: number): void {
  const { state, rules } = work
  for (const policy of rules.policies.keys()) {
    const key = `${policy}\0${left}`
    const session = state.sessions.get(key)
    if (session) keepSession(work, key, session, untilMs)
  }
  unmark(work, left.slice(0, left.indexOf('\0')), eventId)
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
  const unclaimed = touch.events.some(({ event, counted }) => event.event_id === eventId && !counted)
  if (unclaimed) countOutcome(work, 'organic')
  changeTouch(work, key, () => withoutEvent(touch, eventId))
}
