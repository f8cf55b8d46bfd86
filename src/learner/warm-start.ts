/**
 * A log of somebody else's decisions as transitions: what was shown, how probable that was, what came of it. The state is
 * what the ranker would have known: the log's own events before the decision. An outcome belongs to the decision that it
 * names, else to the person's last one that showed its item within the attribution window. Everything is one revision:
 * the log is over. Nothing of it was chosen by a policy of ours: mode `apprentice`, chosen by `baseline`, and exact
 * propensities only where the log states them.
 */
import type { BehaviorEvent, Candidate, Request, Transition } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import type { FeatureStore } from '../features/store.ts'
import { applyEvent, newUser, snapshotOf, type UserState } from '../state/user.ts'
import type { Outcome } from '../transitions/join.ts'
import { rewardOf } from '../transitions/reward.ts'

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

interface Shown {
  readonly fixed: Omit<Transition, 'delta' | 'cumulative' | 'reward_time_ms'>
  readonly outcomes: Outcome[]
}

interface Walk {
  readonly config: Config
  readonly policy: PolicyConfig
  readonly catalogue: Catalogue
  readonly users: Map<string, UserState>
  readonly shown: Shown[]
  readonly byDecision: Map<string, readonly Shown[]>
  /** Last one by person and item. */
  readonly byItem: Map<string, Shown>
  readonly refused: Record<string, number>
}

export interface LoggedTransitions {
  readonly transitions: readonly Transition[]
  /** Rows and outcomes that are not in them, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

/** @param catalogue everything that the features topic holds: candidates get the versions that are current now */
export function transitionsOf(
  { rows, refused }: WarmStart,
  config: Config,
  policy: PolicyConfig,
  catalogue: Catalogue,
): LoggedTransitions {
  const walk: Walk = {
    config,
    policy,
    catalogue,
    users: new Map(),
    shown: [],
    byDecision: new Map(),
    byItem: new Map(),
    refused: { ...refused },
  }
  for (const { request, events } of rows) {
    if (request) decide(walk, request)
    for (const event of events) happen(walk, event)
  }
  return { transitions: walk.shown.map(each => rewarded(each, policy)), refused: walk.refused }
}

const refuse = ({ refused }: Walk, reason: string): void => void (refused[reason] = (refused[reason] ?? 0) + 1)

function decide(walk: Walk, request: Request): void {
  const { byDecision, byItem, shown, policy } = walk
  if (byDecision.has(request.request_id)) return refuse(walk, 'duplicate')
  const items = request.baseline ?? []
  if (items.length === 0) return refuse(walk, 'nothing_shown')
  const logged = propensityOf(request, policy, items.length)
  if (!logged) return refuse(walk, 'propensity_invalid')
  const common = commonOf(walk, request, logged.context)
  const made = items.map((itemId, slot): Shown => {
    const { propensity, kind: propensity_kind } = logged
    const own = { transition_id: `${request.request_id}/${slot}`, slot, slots: items.length, action: [itemId] }
    return {
      fixed: { ...common, ...own, propensity, first_draw_propensity: propensity, propensity_kind },
      outcomes: [],
    }
  })
  byDecision.set(request.request_id, made)
  made.forEach((each, slot) => void byItem.set(`${request.user_id}\0${items[slot]}`, each))
  shown.push(...made)
}

/** A propensity is one of a single item: what was probable in the later places of a slate is not told by one number. */
function propensityOf(request: Request, policy: PolicyConfig, slots: number) {
  const name = policy.warmStart?.propensity
  if (name === undefined) return { propensity: 0, kind: 'unknown' as const, context: request.context }
  const { [name]: value, ...context } = request.context
  if (slots > 1 || typeof value !== 'number' || !(value > 0 && value <= 1)) return undefined
  return { propensity: value, kind: 'exact' as const, context }
}

function commonOf(walk: Walk, request: Request, context: Request['context']) {
  const { catalogue, policy, users } = walk
  const versionOf = (itemId: string): number => catalogue.current(itemId)?.featureVersion ?? 0
  const offered = request.candidates ?? catalogue.availableItems()
  const ids = [...offered, ...(request.baseline ?? []).filter(id => !offered.includes(id))]
  const candidates = ids.map(
    (item_id): Candidate => ({
      item_id,
      feature_version: versionOf(item_id),
      source: 'request',
      inclusion_probability: 1,
    }),
  )
  return {
    revision: 0,
    kind: 'initial',
    decision_id: request.request_id,
    policy: policy.name,
    user_id: request.user_id,
    session_id: request.session_id ?? request.request_id,
    session_step: 0,
    state: snapshotOf(users.get(request.user_id) ?? newUser, context, request.time_ms, versionOf),
    candidates,
    mode: 'apprentice',
    chosen_by: 'baseline',
    examined: 'unknown',
    discount: 0,
    next_decision_id: null,
    next_state: null,
    next_candidates: null,
    terminated: false,
    truncated: false,
    model_version: '',
    weight: 1,
    decision_time_ms: request.time_ms,
    emitted_time_ms: request.time_ms,
  } as const
}

function happen(walk: Walk, event: BehaviorEvent): void {
  const { users, config, policy } = walk
  users.set(event.user_id, applyEvent(users.get(event.user_id) ?? newUser, event, config.state))
  if (!(event.type in policy.rewards)) return
  const cause = causeOf(walk, event)
  if (!cause) return refuse(walk, 'orphan')
  const outcome = { id: event.event_id, type: event.type, slot: cause.fixed.slot, value: event.value }
  cause.outcomes.push({ ...outcome, timeMs: event.time_ms })
}

function causeOf({ byDecision, byItem, policy }: Walk, event: BehaviorEvent): Shown | undefined {
  const named = event.decision_id === null ? undefined : byDecision.get(event.decision_id)
  const cause =
    event.decision_id === null
      ? byItem.get(`${event.user_id}\0${event.item_id}`)
      : (named?.find(({ fixed }) => fixed.action[0] === event.item_id) ?? (named?.length === 1 ? named[0] : undefined))
  const ageMs = cause ? event.time_ms - cause.fixed.decision_time_ms : Number.NaN
  return ageMs >= 0 && ageMs <= policy.attributionWindowMs ? cause : undefined
}

function rewarded({ fixed, outcomes }: Shown, policy: PolicyConfig): Transition {
  const inOrder = [...outcomes].sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1))
  const reward = rewardOf(inOrder, policy)
  return { ...fixed, delta: reward, cumulative: reward, reward_time_ms: inOrder.at(-1)?.timeMs ?? null }
}
