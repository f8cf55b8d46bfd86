/**
 * Sessions of a log to start from (warm-start.ts), as the ranker and the joiner make them of requests and events: a decision falls
 * into the session that it names, or goes on with the person's last one within the gap; the way on from it is to the next of its
 * session in order of time; the last is terminated where a `leave` came at or after it, and else truncated, since the log is over.
 */
import type { BehaviorEvent, Request } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import { applyDecision, placeInSession, type UserState } from '../state/user.ts'
import { isAfter, type Member, sessionKey } from '../transitions/session.ts'

/** Where a decision stands. */
export interface Placed {
  readonly id: string
  readonly timeMs: number
  readonly sessionId: string
  readonly step: number
}

export interface WayOn {
  readonly nextId: string | null
  readonly terminated: boolean
  readonly truncated: boolean
}

export interface LoggedSessions {
  /** Places a decision that was shown. @returns its place, and the person's state after it */
  decide(request: Request, user: UserState): { readonly placed: Placed; readonly user: UserState }
  /** @param placed the decision that it names, if it names one */
  leave(event: BehaviorEvent, placed: Placed | undefined): void
  /** Once the log is over. */
  wayOn(userId: string, placed: Placed): WayOn
}

/** A leave of all sessions of a person. */
const ALL = ''

export function createLoggedSessions({ name: policy, sessionGapMs }: PolicyConfig): LoggedSessions {
  const members = new Map<string, Member[]>()
  /** Newest by session. */
  const leftMs = new Map<string, number>()
  let next: Map<string, string> | undefined
  const keyOf = (userId: string, sessionId: string): string => sessionKey(policy, userId, sessionId)
  return {
    decide(request, user) {
      const { request_id: id, user_id: userId, time_ms: timeMs, baseline } = request
      const { sessionId, step } = placeInSession(user, { ...request, policy }, sessionGapMs)
      const key = keyOf(userId, sessionId)
      const known = members.get(key)
      if (known) known.push({ id, timeMs, step })
      else members.set(key, [{ id, timeMs, step }])
      const sessions = applyDecision(user.sessions, {
        policy,
        decision_id: id,
        session_id: sessionId,
        session_step: step,
        request_time_ms: timeMs,
        slots: baseline!,
      })
      return { placed: { id, timeMs, sessionId, step }, user: { ...user, sessions } }
    },
    leave({ user_id, session_id, time_ms }, placed) {
      const key = keyOf(user_id, placed?.sessionId ?? session_id ?? ALL)
      leftMs.set(key, Math.max(leftMs.get(key) ?? time_ms, time_ms))
    },
    wayOn(userId, { id, timeMs, sessionId }) {
      next ??= nextOf(members.values())
      const nextId = next.get(id) ?? null
      const leaves = [sessionId, ALL].map(session => leftMs.get(keyOf(userId, session)) ?? Number.NEGATIVE_INFINITY)
      const terminated = nextId === null && Math.max(...leaves) >= timeMs
      return { nextId, terminated, truncated: nextId === null && !terminated }
    },
  }
}

/** The decision after each, by id. */
function nextOf(sessions: Iterable<Member[]>): Map<string, string> {
  const next = new Map<string, string>()
  for (const members of sessions) {
    members.sort((a, b) => (isAfter(a, b) ? 1 : -1))
    for (let i = 1; i < members.length; i++) next.set(members[i - 1].id, members[i].id)
  }
  return next
}
