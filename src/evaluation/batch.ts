/**
 * The batch join: what the joiner must come to, computed from whole sets of decisions and outcomes, written to be read
 * and not to be fast. It is the reference of the joiner's property tests and the rule by which `feedloop audit` judges
 * the log; so it shares no logic with src/transitions but the meaning of a slot number.
 *
 * It says what holds once every window is over. It knows no clock: who has records later than correctionWindowMs behind
 * the others says by `gone` which of them the joiner had dropped when others came.
 */
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import type { Config, PolicyConfig } from '../config.ts'
import { rewardsOf } from './batch-rewards.ts'

export type OutcomeFate = 'joined' | 'correction' | 'orphan' | 'quarantined' | 'organic'
export type DecisionFate = 'open' | 'inactive' | 'expired' | 'shed'

export interface ExpectedTransition {
  readonly decisionId: string
  readonly rewards: Readonly<Record<string, number>>
  /** Some outcome of its own carries a reward. */
  readonly rewarded: boolean
  readonly nextId: string | null
  readonly discount: number | null
  readonly end: 'terminated' | 'truncated' | null
}

export interface BatchJoin {
  readonly transitions: ReadonlyMap<string, ExpectedTransition>
  /** Fate by event id. */
  readonly outcomes: ReadonlyMap<string, OutcomeFate>
  /** By decision id; `open`: it makes transitions. */
  readonly decisions: ReadonlyMap<string, DecisionFate>
}

/** An outcome on an item with the decisions that have it. */
interface Standing {
  readonly event: BehaviorEvent
  readonly item: string
  readonly of: readonly Recommendation[]
}

type Outcome = BehaviorEvent & { readonly place: number; readonly parts: number }

/** Had the joiner dropped `one`, as past correction, when `other` came? */
export type Gone = (one: Recommendation | BehaviorEvent, other: Recommendation | BehaviorEvent) => boolean

/** @param events valid ones, each event id once @param gone within the lateness bound: never */
export function batchJoin(
  decisions: readonly Recommendation[],
  events: readonly BehaviorEvent[],
  config: Config,
  gone: Gone = () => false,
): BatchJoin {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const byId = new Map(decisions.map(decision => [decision.decision_id, decision]))
  const fates = new Map<string, OutcomeFate>()
  const outcomes = new Map<string, Outcome[]>(decisions.map(decision => [decision.decision_id, []]))
  const give = (decision: Recommendation, event: BehaviorEvent, parts = 1) =>
    outcomes.get(decision.decision_id)!.push({ ...event, place: placeOf(decision, event), parts })

  for (const event of events.filter(each => each.decision_id !== null)) {
    const named = byId.get(event.decision_id!)
    const decision = named && !gone(named, event) && !gone(event, named) ? named : undefined
    const policy = decision && policies.get(decision.policy)!
    const fate = namedFate(decision, event, policy, config.limits.futureSkewMs)
    fates.set(event.event_id, fate)
    if (fate === 'joined' || fate === 'correction') give(decision!, event)
  }

  const seen = decisions.filter(each => isShown(each, outcomes.get(each.decision_id)!, policies))
  const showing = Map.groupBy(
    seen.flatMap(each => each.slots.map(slot => ({ decision: each, item: slot.item_id }))),
    each => `${each.decision.user_id}\0${each.item}`,
  )
  const visible = new Set(seen)
  /** A deferred decision comes with its activation. */
  const dropped: Gone = (one, other) => {
    if (gone(one, other)) return true
    if (!('decision_time_ms' in other) || !other.deferred) return false
    return activations(other, outcomes.get(other.decision_id)!, policies).every(each => gone(one, each))
  }
  const met: Gone = (one, other) => !dropped(one, other) && !dropped(other, one)
  const takes = (type: string) => config.policies.flatMap(policy => policy.rewards[type]?.cancels ?? [])
  const standing: Standing[] = []
  for (const decision of decisions.filter(each => each.reason !== 'expired'))
    for (const { place, parts: _, ...event } of outcomes.get(decision.decision_id)!)
      if (place >= 0) standing.push({ event, item: decision.slots[place].item_id, of: [decision] })
  for (const event of events.filter(each => each.decision_id === null && takes(each.type).length === 0)) {
    const candidates = showing.get(`${event.user_id}\0${event.item_id}`)?.map(each => each.decision) ?? []
    const near = candidates.filter(each => isNear(each, event, policies.get(each.policy)!) && met(each, event))
    const sharers = lastingSharersOf(event, near, policies, dropped)
    fates.set(event.event_id, sharers.length > 0 ? 'joined' : 'organic')
    for (const each of sharers) give(each, event, sharers.length)
    if (event.item_id !== null) standing.push({ event, item: event.item_id, of: sharers })
  }
  for (const event of events.filter(each => each.decision_id === null && takes(each.type).length > 0)) {
    fates.set(event.event_id, 'organic')
    if (event.item_id !== null) standing.push({ event, item: event.item_id, of: [] })
  }
  for (const onItem of Map.groupBy(standing, each => `${each.event.user_id}\0${each.item}`).values())
    for (const [taker, taken] of takings(onItem, takes, met)) {
      if (taker.decision_id !== null) continue
      const ageOf = (each: Recommendation) => taker.time_ms - each.request_time_ms
      const correctable = taken.of.filter(each => {
        const { correctionWindowMs } = policies.get(each.policy)!
        return visible.has(each) && met(each, taker) && ageOf(each) <= correctionWindowMs
      })
      for (const each of correctable) give(each, taker, taken.of.length)
      const last = correctable.at(-1)
      if (last)
        fates.set(
          taker.event_id,
          ageOf(last) > policies.get(last.policy)!.attributionWindowMs ? 'correction' : 'joined',
        )
    }

  const transitions = new Map<string, ExpectedTransition>()
  const chains = sessions(seen)
  const namedLeaves = Map.groupBy(
    [...outcomes.values()].flat().filter(each => each.type === 'leave'),
    each => chainOf(byId.get(each.decision_id!)!),
  )
  const leaves = Map.groupBy(
    events.filter(each => each.decision_id === null && each.type === 'leave'),
    each => `${each.user_id}\0${each.session_id ?? ''}`,
  )
  for (const decision of seen.filter(each => !each.shed)) {
    const policy = policies.get(decision.policy)!
    const chain = chains.get(chainOf(decision))!.filter(each => each === decision || met(decision, each))
    const left = [
      ...(leaves.get(`${decision.user_id}\0`) ?? []),
      ...(leaves.get(`${decision.user_id}\0${decision.session_id}`) ?? []),
      ...(namedLeaves.get(chainOf(decision)) ?? []),
    ]
    const knownTo = (each: BehaviorEvent) =>
      each.time_ms >= decision.request_time_ms &&
      met(decision, each) &&
      (each.decision_id === null || !gone(decision, byId.get(each.decision_id)!))
    const way = wayOn(decision, chain, left.filter(knownTo), policy)
    const all = outcomes.get(decision.decision_id)!.sort((a, b) => order(a.time_ms, b.time_ms, a.event_id, b.event_id))
    const slots = decision.slots.map((_, i) => i)
    for (const slot of slots.length > 1 ? [-1, ...slots] : slots) {
      const own = slot === -1 ? all : all.filter(each => each.place === slot)
      const rewards = rewardsOf(own, policy)
      const expected = {
        decisionId: decision.decision_id,
        rewards,
        rewarded: own.some(each => each.type in policy.rewards),
        ...way,
      }
      transitions.set(`${decision.decision_id}/${slot}`, expected)
    }
  }
  const fateOf = (each: Recommendation): DecisionFate => {
    if (each.reason === 'expired') return 'expired'
    if (each.slots.length === 0) return 'inactive'
    if (each.shed) return 'shed'
    return visible.has(each) ? 'open' : 'inactive'
  }
  return { transitions, outcomes: fates, decisions: new Map(decisions.map(each => [each.decision_id, fateOf(each)])) }
}

const order = (timeA: number, timeB: number, idA: string, idB: string): number =>
  timeA - timeB || (idA < idB ? -1 : idA > idB ? 1 : 0)

const byTimeAndId = (a: Recommendation, b: Recommendation): number =>
  order(a.request_time_ms, b.request_time_ms, a.decision_id, b.decision_id)

const isNear = (decision: Recommendation, event: BehaviorEvent, policy: PolicyConfig): boolean => {
  const age = event.time_ms - decision.request_time_ms
  return age >= -policy.backwardWindowMs && age <= policy.attributionWindowMs
}

/** The decisions that share an outcome in the end. One decision is past correction first, and what it has by then stays
 * where it is: who comes after that takes nothing over. What has left it by then never comes back to it. */
function lastingSharersOf(
  event: BehaviorEvent,
  shown: readonly Recommendation[],
  policies: ReadonlyMap<string, PolicyConfig>,
  gone: Gone,
): readonly Recommendation[] {
  const first = shown.toSorted(byTimeAndId).find(each => !shown.some(other => gone(other, each)))
  if (!first) return []
  const inTime = shown.filter(each => !gone(first, each))
  const sharers = sharersOf(event, inTime, policies)
  if (inTime.length === shown.length || sharers.includes(first)) return sharers
  const others = shown.filter(each => each !== first)
  return lastingSharersOf(event, others, policies, gone)
}

/** The decisions that share an outcome which names none: those that showed its item shortly before it (or, with a
 * backward window, shortly after it where there is none before), under the policy of the nearest, by that policy's way. */
function sharersOf(
  event: BehaviorEvent,
  shown: readonly Recommendation[],
  policies: ReadonlyMap<string, PolicyConfig>,
): readonly Recommendation[] {
  const policyOf = (each: Recommendation) => policies.get(each.policy)!
  const within = (each: Recommendation, fromMs: number, toMs: number) => {
    const ageMs = event.time_ms - each.request_time_ms
    return ageMs >= fromMs && ageMs <= toMs && event.type in policyOf(each).rewards
  }
  const before = shown.filter(each => within(each, 0, policyOf(each).attributionWindowMs))
  const after = shown.filter(each => within(each, -policyOf(each).backwardWindowMs, -1))
  const inWindow = (before.length > 0 ? before : after).sort(byTimeAndId)
  const nearest = before.length > 0 ? inWindow.at(-1) : inWindow[0]
  if (!nearest) return []
  const own = inWindow.filter(each => each.policy === nearest.policy)
  return {
    'last-touch': [nearest],
    'first-touch': own.slice(0, 1),
    'even-split': own,
  }[policyOf(nearest).attribution]
}

/** Which outcome each canceller takes back, in order of time: the latest of its own value that stands and is not after it,
 * else the latest that stands. One that names its decision takes of that decision's only. */
function takings(
  onItem: readonly Standing[],
  takes: (type: string) => readonly string[],
  met: Gone,
): (readonly [BehaviorEvent, Standing])[] {
  const inOrder = onItem.toSorted((a, b) => order(a.event.time_ms, b.event.time_ms, a.event.event_id, b.event.event_id))
  const left = inOrder.filter(each => takes(each.event.type).length === 0)
  const takers = inOrder.filter(each => takes(each.event.type).length > 0)
  return takers.flatMap(({ event: taker, of }) => {
    const may = left.filter(
      each =>
        takes(taker.type).includes(each.event.type) &&
        each.event.time_ms <= taker.time_ms &&
        of.every(decision => each.of.includes(decision)) &&
        met(each.event, taker),
    )
    const taken = may.filter(each => each.event.value === taker.value).at(-1) ?? may.at(-1)
    if (!taken) return []
    left.splice(left.indexOf(taken), 1)
    return [[taker, taken] as const]
  })
}

function namedFate(
  decision: Recommendation | undefined,
  event: BehaviorEvent,
  policy: PolicyConfig | undefined,
  futureSkewMs: number,
): OutcomeFate {
  if (!decision || !policy) return 'orphan'
  const items = decision.slots.map(slot => slot.item_id)
  const honest =
    event.user_id === decision.user_id &&
    (event.slate_hash === null || event.slate_hash === decision.slate_hash) &&
    (event.slot === null || event.slot < items.length) &&
    (event.item_id === null || items.includes(event.item_id)) &&
    (event.slot === null || event.item_id === null || items[event.slot] === event.item_id)
  const age = event.time_ms - decision.request_time_ms
  if (!honest || age < -Math.max(policy.backwardWindowMs, futureSkewMs)) return 'quarantined'
  if (age > policy.correctionWindowMs) return 'orphan'
  return age > policy.attributionWindowMs ? 'correction' : 'joined'
}

function placeOf(decision: Recommendation, event: BehaviorEvent): number {
  if (event.slot !== null) return event.slot
  if (event.item_id !== null) return decision.slots.findIndex(slot => slot.item_id === event.item_id)
  return decision.slots.length === 1 ? 0 : -1
}

/** Somebody can have seen it. */
function isShown(
  decision: Recommendation,
  outcomes: readonly Outcome[],
  policies: ReadonlyMap<string, PolicyConfig>,
): boolean {
  if (decision.reason === 'expired' || decision.slots.length === 0) return false
  return !decision.deferred || activations(decision, outcomes, policies).length > 0
}

function activations(
  decision: Recommendation,
  outcomes: readonly Outcome[],
  policies: ReadonlyMap<string, PolicyConfig>,
): readonly Outcome[] {
  const until = decision.request_time_ms + policies.get(decision.policy)!.attributionWindowMs
  return outcomes.filter(each => each.type === 'activate' && each.time_ms <= until)
}

const chainOf = (decision: Recommendation): string => `${decision.policy}\0${decision.user_id}\0${decision.session_id}`

function sessions(shown: readonly Recommendation[]): Map<string, Recommendation[]> {
  const chains = Map.groupBy(shown, chainOf)
  for (const chain of chains.values())
    chain.sort((a, b) => a.request_time_ms - b.request_time_ms || a.session_step - b.session_step || byTimeAndId(a, b))
  return chains
}

function wayOn(
  decision: Recommendation,
  chain: readonly Recommendation[],
  left: readonly BehaviorEvent[],
  policy: PolicyConfig,
): Pick<ExpectedTransition, 'nextId' | 'discount' | 'end'> {
  if (policy.gamma === 0) return { nextId: null, discount: 0, end: null }
  const next = chain[chain.indexOf(decision) + 1]
  if (next?.shed) return { nextId: null, discount: null, end: 'truncated' }
  if (next) {
    const seconds = (next.request_time_ms - decision.request_time_ms) / 1000
    return { nextId: next.decision_id, discount: policy.gamma ** seconds, end: null }
  }
  return { nextId: null, discount: null, end: left.length > 0 ? 'terminated' : 'truncated' }
}
