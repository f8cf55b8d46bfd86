/**
 * What the ranker keeps of one person: the newest interactions, counts by type, the profile, the open sessions.
 *
 * It is a function of the person's events, profiles and decisions alone, in log order, so that recovery rebuilds it from
 * the topics. That forbids anything of the moment in here: an interaction's feature version is looked up when a snapshot
 * is taken (and logged there), not when the event arrives. Values are replaced, never mutated (src/state/table.ts).
 */
import type { BehaviorEvent, Recommendation, Request, Snapshot, UserFeatures } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { seedOf } from './random.ts'

export interface PastInteraction {
  /** Of the event's id, 53 bits, to know a repeated one: what the state need not hold it does not hold. */
  readonly eventHash: number
  readonly itemId: string
  readonly type: string
  readonly timeMs: number
  /** 1 when the event had none. */
  readonly value: number
}

export interface Session {
  readonly policy: string
  readonly id: string
  readonly lastDecisionId: string
  /** Decisions with a slate so far. */
  readonly step: number
  /** Newest request time, ms. */
  readonly lastTimeMs: number
}

/** Open sessions remembered of one person: tabs and devices at a time, times the policies. */
const sessionsKept = 8

/** What a person did and is. */
export interface Person {
  /** Newest first by event time, at most `state.historyLength`. */
  readonly history: readonly PastInteraction[]
  readonly counts: Readonly<Record<string, number>>
  readonly profile: UserFeatures | null
}

export interface UserState extends Person {
  /** Last decided first. Each belongs to one policy: two that serve one page do not continue each other's episodes. */
  readonly sessions: readonly Session[]
}

/** Event types of which a person's count is kept apart; every decision logs the counts, so they must not grow for ever. */
const MAX_COUNTED_TYPES = 64
const OTHER_TYPES = 'other'

export const newUser: UserState = { history: [], counts: {}, profile: null, sessions: [] }

/** Adds an event; the same object when its id is in the history already (a duplicate). Types listed in
 * `state.typeWeights` enter the history; the others (impressions, refunds …) are counted only, lest they push what the
 * person liked out of it. So a repeated event is noticed only while the history remembers it. */
export function applyEvent(user: UserState, event: BehaviorEvent, config: Config['state']): UserState {
  const hash = seedOf(event.event_id)
  if (user.history.some(past => past.eventHash === hash)) return user
  const type = countedAs(user.counts, event.type)
  const seen = Object.hasOwn(user.counts, type) ? user.counts[type] : 0
  const counts = { ...user.counts, [type]: seen + 1 }
  const interaction = event.item_id !== null && Object.hasOwn(config.typeWeights, event.type)
  return { ...user, counts, history: interaction ? insert(user.history, event, config.historyLength) : user.history }
}

/** Keeps the history ordered by time, newest first; of equal times the later arrival comes first. */
function insert(history: readonly PastInteraction[], event: BehaviorEvent, length: number): readonly PastInteraction[] {
  const place = history.findIndex(past => past.timeMs <= event.time_ms)
  const at = place < 0 ? history.length : place
  if (at >= length) return history
  const past: PastInteraction = {
    eventHash: seedOf(event.event_id),
    itemId: event.item_id!,
    type: event.type,
    timeMs: event.time_ms,
    value: event.value ?? 1,
  }
  const longer = [...history.slice(0, at), past, ...history.slice(at)]
  return longer.length > length ? longer.slice(0, length) : longer
}

/** Takes a profile unless it is older than the one known. */
export function applyProfile(user: UserState, profile: UserFeatures): UserState {
  return user.profile !== null && user.profile.time_ms > profile.time_ms ? user : { ...user, profile }
}

/** What a decision says of its session. */
export type SessionDecision = Pick<
  Recommendation,
  'policy' | 'session_id' | 'session_step' | 'decision_id' | 'request_time_ms'
> & { readonly slots: readonly unknown[] }

/** Moves the session on. A decision without a slate shows nobody anything: it leaves the session where it was, so that
 * the next one continues from the last slate that was shown. */
export function applyDecision(sessions: readonly Session[], decision: SessionDecision): readonly Session[] {
  if (decision.slots.length === 0) return sessions
  const before = sessionOf(sessions, decision.policy, decision.session_id)
  const session: Session = {
    policy: decision.policy,
    id: decision.session_id,
    lastDecisionId: decision.decision_id,
    step: decision.session_step + 1,
    lastTimeMs: Math.max(before?.lastTimeMs ?? 0, decision.request_time_ms),
  }
  const others = sessions.filter(each => each !== before)
  return [session, ...others].slice(0, sessionsKept)
}

/** The session of that id; without one, the last of the policy. */
const sessionOf = (sessions: readonly Session[], policy: string, id: string | null): Session | undefined =>
  sessions.find(each => each.policy === policy && (id === null || each.id === id))

export interface SessionPlace {
  readonly sessionId: string
  readonly previousDecisionId: string | null
  readonly step: number
}

/** Where a request falls: in the session that it names; else in the policy's last one unless more than `gapMs` lie
 * between; else in a new one, named after the request that opens it. */
export function placeInSession(user: UserState, request: Request, gapMs: number): SessionPlace {
  const last = sessionOf(user.sessions, request.policy, request.session_id)
  if (last !== undefined && (request.session_id !== null || request.time_ms - last.lastTimeMs <= gapMs))
    return { sessionId: last.id, previousDecisionId: last.lastDecisionId, step: last.step }
  const sessionId = request.session_id ?? `${request.user_id}~${request.request_id}`
  return { sessionId, previousDecisionId: null, step: 0 }
}

/** The raw state for a decision at `nowMs`.
 * @param versionOf current feature version of an item; 0 when it has none */
export function snapshotOf(
  user: UserState,
  context: Snapshot['context'],
  nowMs: number,
  versionOf: (itemId: string) => number,
): Snapshot {
  return {
    profile_version: user.profile?.profile_version ?? 0,
    profile: user.profile?.vector ?? null,
    history: user.history.map(past => ({
      item_id: past.itemId,
      feature_version: versionOf(past.itemId),
      type: past.type,
      age_ms: Math.max(0, nowMs - past.timeMs),
      value: past.value,
    })),
    counts: user.counts,
    context,
  }
}

/** Of whom nothing is known but that they asked. */
export const isUnknown = ({ history, counts, profile }: UserState): boolean =>
  profile === null && history.length === 0 && Object.keys(counts).length === 0

/** Of a decision that was taken on nothing. */
export const noSnapshot: Snapshot = { profile_version: 0, profile: null, history: [], counts: {}, context: {} }

/** A map on the wire may not have the key `__proto__`. */
const countedAs = (counts: UserState['counts'], type: string): string =>
  Object.hasOwn(counts, type) || (Object.keys(counts).length < MAX_COUNTED_TYPES && type !== '__proto__')
    ? type
    : OTHER_TYPES
