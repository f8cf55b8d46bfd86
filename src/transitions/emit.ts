/**
 * Emission: the difference between what should be known of a join (its target) and what is (emitted), as revisions. At
 * most two revisions a transition a step: one for the reward, one for the way on.
 */
import type { RevisionKind } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import type { Written } from './decision.ts'
import { type Continuation, type Emitted, type Join, joinTime, type Outcome } from './join.ts'
import { cancelledWorth, difference, type Rewards, rewardOf } from './reward.ts'
import { emptySession, neighbours, sessionOf, userKey } from './session.ts'
import type { JoinerTables } from './state.ts'
import { discountAfter, examinedBy, outcomesOf, slotsOf, transitionOf, unshowable } from './transition.ts'

export interface Moment {
  /** The joiner's clock, ms of event time. */
  readonly nowMs: number
  /** The tick, ms. */
  readonly emittedMs: number
}

const open: Continuation = { nextId: null, terminated: false, truncated: false }

/** True once transitions may be written: shown, and by policy at once or when the window is over. */
export function isReleased(join: Join, policy: PolicyConfig, nowMs: number): boolean {
  if (join.kind !== 'open' || !join.active) return false
  return (
    policy.learn === 'immediately' || join.emitted.length > 0 || nowMs >= joinTime(join) + policy.attributionWindowMs
  )
}

/** When an episode without a next decision is truncated, ms. */
export const truncationMs = (join: Join, policy: PolicyConfig): number =>
  joinTime(join) + Math.min(policy.sessionGapMs, policy.correctionWindowMs)

/** The way on from a decision, as it is known now. At gamma = 0 nothing beyond matters and none is sought. Of what was shed
 * the state was not kept: observation ends there. */
export function continuationOf(tables: JoinerTables, join: Join, policy: PolicyConfig, nowMs: number): Continuation {
  if (policy.gamma === 0) return open
  const session = tables.sessions.get(sessionOf(join.decision)) ?? emptySession
  const { next } = neighbours(session, join.decision.decision_id)
  if (next)
    return tables.joins.get(next.id)?.kind === 'shed' ? { ...open, truncated: true } : { ...open, nextId: next.id }
  const { leaveMs } = tables.sessions.get(userKey(policy.name, join.decision.user_id)) ?? emptySession
  const terminated = Math.max(session.leaveMs, leaveMs) >= joinTime(join)
  return { nextId: null, terminated, truncated: !terminated && nowMs >= truncationMs(join, policy) }
}

/** What is to be written about a join now. */
export function revisionsOf(tables: JoinerTables, join: Join, policy: PolicyConfig, moment: Moment): Written[] {
  const revisions: Written[] = []
  if (!isReleased(join, policy, moment.nowMs)) return revisions
  const wayOn = continuationOf(tables, join, policy, moment.nowMs)
  for (const [i, slot] of slotsOf(join.decision).entries()) {
    const outcomes = outcomesOf(join.outcomes, slot)
    const cumulative = rewardOf(outcomes, policy)
    let emitted = join.emitted[i]
    const delta = difference(emitted?.cumulative ?? {}, cumulative)
    const write = (kind: RevisionKind, known: Emitted, change: Rewards): void => {
      emitted = known
      revisions.push(revision(tables, { join, slot, kind, known, change, outcomes, policy, moment }))
    }
    const rewardKind = kindOfReward(emitted, outcomes, delta, policy)
    if (rewardKind) write(rewardKind, following(emitted ?? first, emitted ?? open, cumulative), delta)
    const wayOnKind = kindOfWayOn(emitted ?? open, wayOn)
    if (wayOnKind) write(wayOnKind, following(emitted!, wayOn, cumulative), {})
  }
  return revisions
}

const first: Emitted = { ...open, revision: -1, cumulative: {} }
const following = (
  { revision }: Emitted,
  { nextId, terminated, truncated }: Continuation,
  cumulative: Rewards,
): Emitted => ({ revision: revision + 1, cumulative, nextId, terminated, truncated })

function kindOfReward(
  emitted: Emitted | undefined,
  outcomes: readonly Outcome[],
  delta: Rewards,
  policy: PolicyConfig,
): RevisionKind | null {
  if (!emitted) return 'initial'
  const changed = Object.keys(delta)
  if (changed.length === 0) return null
  const isTakenBack = (type: string) => delta[type] * cancelledWorth(outcomes, type, policy) < 0
  return changed.some(isTakenBack) ? 'retraction' : 'reward'
}

function kindOfWayOn(from: Continuation, to: Continuation): RevisionKind | null {
  const same = from.nextId === to.nextId && from.terminated === to.terminated && from.truncated === to.truncated
  if (same) return null
  return to.terminated || to.truncated ? 'close' : 'continuation'
}

interface Writing {
  readonly join: Join
  readonly slot: number
  readonly kind: RevisionKind
  readonly known: Emitted
  readonly change: Rewards
  readonly outcomes: readonly Outcome[]
  readonly policy: PolicyConfig
  readonly moment: Moment
}

function revision(tables: JoinerTables, writing: Writing): Written {
  const { join, slot, kind, known, change, outcomes, policy, moment } = writing
  const next = known.nextId === null ? undefined : tables.joins.get(known.nextId)
  return transitionOf(join.decision, slot, {
    revision: known.revision,
    kind,
    examined: examinedBy(outcomes),
    delta: change,
    cumulative: known.cumulative,
    discount: discountOf(join, next, policy),
    next_decision_id: known.nextId,
    next_state: next?.decision.state ?? null,
    next_candidates: next?.decision.candidates ?? null,
    next_masked: next ? unshowable(next.decision) : [],
    terminated: known.terminated,
    truncated: known.truncated,
    reward_time_ms: outcomes.at(-1)?.timeMs ?? null,
    emitted_time_ms: moment.emittedMs,
  })
}

/** gamma^(seconds to the next decision); 0 at gamma = 0; null while there is no next. */
function discountOf(join: Join, next: Join | undefined, policy: PolicyConfig): number | null {
  if (policy.gamma === 0) return 0
  return next ? discountAfter(policy.gamma, joinTime(next) - joinTime(join)) : null
}
