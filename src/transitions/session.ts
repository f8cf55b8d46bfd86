/**
 * Sessions as chains of decisions: a decision's continuation is the one that follows it in (time, step, id) order under
 * the same policy, whatever the order in which they arrive. A `leave` ends the session that it names, by itself or by a
 * decision, or else all of its user, as far as they had come. Only decisions that people can have seen are members: no
 * deferred one before its activation, none that expired.
 */
import type { Decision } from './decision.ts'
import { timeOf } from './transition.ts'

export interface Member {
  readonly id: string
  readonly timeMs: number
  readonly step: number
}

export interface Session {
  /** In order. */
  readonly members: readonly Member[]
  /** Newest `leave` event, ms; -1: none. */
  readonly leaveMs: number
}

export const emptySession: Session = { members: [], leaveMs: -1 }

export const sessionKey = (policy: string, userId: string, sessionId: string): string =>
  `${policy}\0${userId}\0${sessionId}`

/** Of a policy and user: its members are the user's sessions that have decisions, its leave is of all of them. */
export const userKey = (policy: string, userId: string): string => sessionKey(policy, userId, '')

export const sessionMember = (sessionId: string): Member => ({ id: sessionId, timeMs: 0, step: 0 })

export const sessionOf = (decision: Decision): string =>
  sessionKey(decision.policy, decision.user_id, decision.session_id)

export const memberOf = (decision: Decision): Member => ({
  id: decision.decision_id,
  timeMs: timeOf(decision),
  step: decision.session_step,
})

export const isAfter = (a: Member, b: Member): boolean =>
  a.timeMs !== b.timeMs ? a.timeMs > b.timeMs : a.step !== b.step ? a.step > b.step : a.id > b.id

export function joinSession(session: Session, member: Member): Session {
  const at = session.members.findLastIndex(each => !isAfter(each, member)) + 1
  return { ...session, members: session.members.toSpliced(at, 0, member) }
}

export const leaveSession = (session: Session, timeMs: number): Session => ({
  ...session,
  leaveMs: Math.max(session.leaveMs, timeMs),
})

export const withoutMember = (session: Session, id: string): Session => ({
  ...session,
  members: session.members.filter(each => each.id !== id),
})

/** The members just before and after `id`, where there are any. */
export function neighbours(session: Session, id: string): { previous: Member | null; next: Member | null } {
  const at = session.members.findLastIndex(each => each.id === id)
  if (at < 0) return { previous: null, next: null }
  return { previous: session.members[at - 1] ?? null, next: session.members[at + 1] ?? null }
}
