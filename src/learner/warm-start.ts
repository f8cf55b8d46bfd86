/**
 * A log of somebody else's decisions as transitions: what was shown, how probable that was, what came of it. The state is
 * what the ranker would have known: the log's own events in the rows before the decision, so rows come in order of time.
 * An outcome belongs to the decision that it names, else to the person's last one that showed its item, within the
 * attribution window. Everything is one revision: the log is over, so the way on is known (logged-sessions.ts). Nothing of it was chosen by a policy of ours: mode
 * `apprentice`, chosen by `baseline`, and exact propensities only where the log states them.
 */
import type { BehaviorEvent, Candidate, Request, Snapshot, Transition } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import type { FeatureStore } from '../features/store.ts'
import { applyEvent, newUser, snapshotOf, type UserState } from '../state/user.ts'
import type { Outcome } from '../transitions/join.ts'
import { rewardOf } from '../transitions/reward.ts'
import { touchKey } from '../transitions/touch.ts'
import { discountAfter, firstRevision, outcomesOf, SLATE, slotsOf, transitionId } from '../transitions/transition.ts'
import { createLoggedSessions, type LoggedSessions, type Placed } from './logged-sessions.ts'

/** What one row of the log says. */
export interface LoggedRow {
  readonly request?: Request
  readonly events: readonly BehaviorEvent[]
}

export interface WarmStart {
  /** Of the file, its mapping and its settings: what is learned once. */
  readonly digest: string
  readonly rows: readonly LoggedRow[]
  /** Rows that the mapping could not read, by code. */
  readonly refused: Readonly<Record<string, number>>
}

export type Catalogue = Pick<FeatureStore, 'vector' | 'current' | 'availableItems'>

/** One item that a decision of the log showed; of several the slate as a whole, too. */
interface Shown {
  readonly request: Request
  readonly slot: number
  readonly placed: Placed
  readonly state: Snapshot
  /** 0: unknown. */
  readonly propensity: number
  /** Of the decision: each says its slot. */
  readonly outcomes: Outcome[]
}

interface Walk {
  readonly config: Config
  readonly policy: PolicyConfig
  readonly versionOf: (itemId: string) => number
  readonly users: Map<string, UserState>
  readonly sessions: LoggedSessions
  readonly shown: Shown[]
  readonly byDecision: Map<string, readonly Shown[]>
  /** Last one by person and item. */
  readonly byItem: Map<string, Shown>
  readonly refused: Record<string, number>
}

export interface LoggedTransitions {
  /** In the order of the log, each made when it is asked for: candidates and states of all would be many times the file. */
  readonly transitions: Iterable<Transition>
  /** Rows and outcomes that are not in them, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

/** @param catalogue everything that the features topic holds: items get the versions that are current now */
export function transitionsOf(
  { rows, refused }: WarmStart,
  config: Config,
  policy: PolicyConfig,
  catalogue: Catalogue,
): LoggedTransitions {
  const versionOf = (itemId: string): number => catalogue.current(itemId)?.featureVersion ?? 0
  const maps = { users: new Map(), byDecision: new Map(), byItem: new Map() }
  const sessions = createLoggedSessions(policy)
  const walk: Walk = { config, policy, versionOf, ...maps, sessions, shown: [], refused: { ...refused } }
  const note = (reason: string | undefined): void => {
    if (reason) walk.refused[reason] = (walk.refused[reason] ?? 0) + 1
  }
  for (const { request, events } of rows) {
    if (request) note(decide(walk, request))
    for (const event of events) note(happen(walk, event))
  }
  const transitions = walk.shown.values().map(each => toTransition(walk, each, catalogue))
  return { transitions, refused: walk.refused }
}

/** @returns why not, if not */
function decide(walk: Walk, request: Request): string | undefined {
  const { byDecision, byItem, shown, users, sessions, policy, versionOf } = walk
  const { request_id: id, user_id: user, baseline, time_ms: timeMs } = request
  if (byDecision.has(id)) return 'duplicate'
  if (!baseline || baseline.length === 0) return 'nothing_shown'
  const { propensity, context } = propensityOf(request, policy)
  if (propensity === undefined) return 'propensity_invalid'
  const before = users.get(user) ?? newUser
  const state = snapshotOf(before, context, timeMs, versionOf)
  const { placed, user: after } = sessions.decide(request, before)
  users.set(user, after)
  const decided = { request, placed, state, propensity, outcomes: [] }
  const made = slotsOf({ slots: baseline }).map((slot): Shown => ({ ...decided, slot }))
  for (const one of made) if (one.slot !== SLATE) byItem.set(touchKey(user, baseline[one.slot]), one)
  byDecision.set(id, made)
  shown.push(...made)
  return undefined
}

/** One number says how probable one item was; of the later places of a slate it says nothing.
 * @returns 0 where the log is not said to hold any, undefined where it should and does not */
function propensityOf({ context, baseline }: Request, { warmStart }: PolicyConfig) {
  if (warmStart?.propensity === undefined) return { propensity: 0, context }
  const { [warmStart.propensity]: value, ...rest } = context
  const valid = typeof value === 'number' && value > 0 && value <= 1 && baseline?.length === 1
  return { propensity: valid ? value : undefined, context: rest }
}

/** @returns why it rewards nothing, if it should */
function happen(walk: Walk, event: BehaviorEvent): string | undefined {
  const { users, config, policy } = walk
  users.set(event.user_id, applyEvent(users.get(event.user_id) ?? newUser, event, config.state))
  if (event.type === 'leave') leave(walk, event)
  if (!Object.hasOwn(policy.rewards, event.type)) return undefined
  const cause = causeOf(walk, event)
  if (!cause) return 'orphan'
  if (cause.outcomes.some(({ id }) => id === event.event_id)) return 'duplicate'
  const { event_id: id, type, value, time_ms: timeMs } = event
  cause.outcomes.push({ id, type, slot: cause.slot, parts: 1, value, timeMs })
  return undefined
}

function causeOf({ byDecision, byItem, policy }: Walk, event: BehaviorEvent): Shown | undefined {
  const { decision_id: decision, item_id: item, user_id: user } = event
  if (decision === null && item === null) return undefined
  const named = decision === null ? [byItem.get(touchKey(user, item!))] : (byDecision.get(decision) ?? [])
  const fitting = named.filter(each => each && isAbout(event, each))
  const ageMs = event.time_ms - (fitting[0]?.request.time_ms ?? Number.NaN)
  return fitting.length === 1 && ageMs >= 0 && ageMs <= policy.attributionWindowMs ? fitting[0] : undefined
}

/** What names neither item nor slot is about the only one, or the slate as a whole. */
function isAbout({ user_id, item_id, slot }: BehaviorEvent, { request, slot: place }: Shown): boolean {
  if (user_id !== request.user_id) return false
  if (item_id === null && slot === null) return place === SLATE || request.baseline!.length === 1
  if (place === SLATE) return false
  return (item_id === null || item_id === request.baseline![place]) && (slot === null || slot === place)
}

/** One that names a decision which is not in the log, or is another's, ends nothing. */
function leave({ sessions, byDecision }: Walk, event: BehaviorEvent): void {
  const named = event.decision_id === null ? undefined : byDecision.get(event.decision_id)?.[0]
  if (event.decision_id === null || named?.request.user_id === event.user_id) sessions.leave(event, named?.placed)
}

function toTransition(walk: Walk, shown: Shown, catalogue: Catalogue): Transition {
  const { policy } = walk
  const { request, slot, placed, state, propensity, outcomes } = shown
  const inOrder = [...outcomesOf(outcomes, slot)].sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1))
  const reward = rewardOf(inOrder, policy)
  return {
    ...firstRevision,
    ...wayOn(walk, shown, catalogue),
    transition_id: transitionId(request.request_id, slot),
    decision_id: request.request_id,
    slot,
    slots: request.baseline!.length,
    policy: policy.name,
    user_id: request.user_id,
    session_id: placed.sessionId,
    session_step: placed.step,
    state,
    candidates: candidatesOf(request, catalogue),
    action: slot === SLATE ? request.baseline! : [request.baseline![slot]],
    masked: [],
    propensity,
    first_draw_propensity: propensity,
    propensity_kind: propensity > 0 ? 'exact' : 'unknown',
    mode: 'apprentice',
    chosen_by: 'baseline',
    delta: reward,
    cumulative: reward,
    model_version: '',
    weight: 1,
    decision_time_ms: request.time_ms,
    reward_time_ms: inOrder.at(-1)?.timeMs ?? null,
    emitted_time_ms: request.time_ms,
  }
}

/** At γ = 0 nothing beyond matters. */
function wayOn({ sessions, byDecision, policy }: Walk, { request, placed }: Shown, catalogue: Catalogue) {
  if (policy.gamma === 0) return {}
  const { nextId, terminated, truncated } = sessions.wayOn(request.user_id, placed)
  const next = nextId === null ? undefined : byDecision.get(nextId)?.[0]
  return {
    discount: next ? discountAfter(policy.gamma, next.placed.timeMs - placed.timeMs) : null,
    next_decision_id: nextId,
    next_state: next?.state ?? null,
    next_candidates: next ? candidatesOf(next.request, catalogue) : null,
    terminated,
    truncated,
  }
}

/** What was offered, as far as the log says it, else what there is now; what was shown was offered. */
function candidatesOf({ candidates, baseline }: Request, catalogue: Catalogue): Candidate[] {
  const offered = candidates ?? catalogue.availableItems()
  const source = candidates ? 'request' : 'catalogue'
  return [...new Set([...offered, ...baseline!])].map(item_id => ({
    item_id,
    feature_version: catalogue.current(item_id)?.featureVersion ?? 0,
    source,
    inclusion_probability: 1,
  }))
}
