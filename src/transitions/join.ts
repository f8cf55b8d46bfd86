/**
 * A join: one decision with the outcomes that are its own, and what was emitted about it so far. What *should* be known
 * (the target) follows from the records alone; what *is* known (emitted) follows from the accepted outputs alone. A step
 * emits the difference. That is why order, duplicates and crashes cannot change the sums.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { Accepted, Decision } from './decision.ts'
import type { Rewards } from './reward.ts'
import { timeOf } from './transition.ts'

export interface Outcome {
  readonly id: string
  readonly type: string
  readonly slot: number
  readonly value: number | null
  readonly timeMs: number
  /** Decisions that share it in equal parts; 1: it is this one's alone. */
  readonly parts: number
}

/** The end of an episode, or the way on. */
export interface Continuation {
  readonly nextId: string | null
  readonly terminated: boolean
  readonly truncated: boolean
}

/** The last accepted revision of a transition, as far as the next one needs it. */
export interface Emitted extends Continuation {
  readonly revision: number
  readonly cumulative: Rewards
}

/** `open` decisions make transitions. The others are kept so that their outcomes find them: past the deadline, thinned
 * out by load shedding, or nothing was shown. */
export type JoinKind = 'open' | 'expired' | 'shed' | 'empty'

export interface Join {
  readonly decision: Decision
  readonly kind: JoinKind
  /** False while deferred and not yet activated. */
  readonly active: boolean
  /** In order of time, then id. */
  readonly outcomes: readonly Outcome[]
  /** In the order of `slotsOf`; empty before the initial revisions. */
  readonly emitted: readonly Emitted[]
}

export const openJoin = (decision: Decision): Join => ({
  decision,
  kind: kindOf(decision),
  active: !decision.deferred,
  outcomes: [],
  emitted: [],
})

function kindOf(decision: Decision): JoinKind {
  if (decision.reason === 'expired') return 'expired'
  if (decision.slots.length === 0) return 'empty'
  return decision.shed ? 'shed' : 'open'
}

/** People may have seen it: outcomes on its items that name no decision may be its own, also where it is not learned. */
export const hasShown = ({ kind }: Join): boolean => kind === 'open' || kind === 'shed'

export const joinTime = (join: Join): number => timeOf(join.decision)

export const outcomeOf = (event: BehaviorEvent, slot: number, parts: number): Outcome => ({
  id: event.event_id,
  type: event.type,
  slot,
  value: event.value,
  timeMs: event.time_ms,
  parts,
})

export function withOutcome(join: Join, outcome: Outcome): Join {
  const follows = (each: Outcome) =>
    each.timeMs !== outcome.timeMs ? each.timeMs > outcome.timeMs : each.id > outcome.id
  const at = join.outcomes.findIndex(follows)
  return { ...join, outcomes: join.outcomes.toSpliced(at < 0 ? join.outcomes.length : at, 0, outcome) }
}

export const withoutOutcome = (join: Join, id: string): Join => ({
  ...join,
  outcomes: join.outcomes.filter(outcome => outcome.id !== id),
})

/** Takes note of an accepted revision. */
export function withEmitted(join: Join, transition: Accepted): Join {
  const at = transition.slot < 0 ? transition.slots : transition.slot
  const before = join.emitted[at]
  if (before && before.revision >= transition.revision) return join
  const emitted = [...join.emitted]
  emitted[at] = {
    revision: transition.revision,
    cumulative: transition.cumulative,
    nextId: transition.next_decision_id,
    terminated: transition.terminated,
    truncated: transition.truncated,
  }
  return { ...join, emitted }
}
