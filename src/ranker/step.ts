/**
 * The ranker: profiles, events and requests of one partition -> decisions. Within a step all profiles come first, then all
 * events, then all requests: `fold` sees inputs and outputs apart and must reach the same state, so no event may fall
 * between two decisions of a step. For the same reason the state depends on no view (catalogue, model, release): an event
 * about an item that is not in the catalogue is refused to the dead letters for a person to see, yet stays in the history,
 * where it encodes as absent until the item is published.
 */
import type { BehaviorEvent, Recommendation, Request, UserFeatures } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { isForget } from '../events/forget.ts'
import { type Fault, unknownPolicy, validateEvent, validateRequest } from '../events/validate.ts'
import type { Input, Output, Refusal, Stage, StageState, Tick } from '../stage.ts'
import { memoryTable, type Table } from '../state/table.ts'
import { applyDecision, applyEvent, applyProfile, newUser, type UserState } from '../state/user.ts'
import { createDecide, type RankerView } from './decide.ts'
import { type DecidedIds, decidedIds } from './decided.ts'
import { createTally, type Tally } from './metrics.ts'
import { passProbabilityOf } from './shed.ts'

export type { RankerView } from './decide.ts'

export interface RankerState extends StageState {
  readonly users: Table<UserState>
  readonly decided: DecidedIds
}

/** A table of people, or what stands for one. */
export interface People {
  readonly users: Pick<RankerState['users'], 'get' | 'set' | 'delete'>
}

export function createRanker(config: Config): Stage<RankerState, RankerView> {
  const decide = createDecide(config)
  const policies = new Set(config.policies.map(policy => policy.name))

  const eventFault = (event: BehaviorEvent, tick: Tick) => validateEvent(event, tick.timeMs, config.limits)
  const requestFault = (request: Request, tick: Tick) =>
    validateRequest(request, tick.timeMs, config.limits) ?? unknownPolicy(request, policies)

  return {
    name: 'ranker',
    open: () => createState(config),
    step(state, inputs, tick, view) {
      const tally = createTally()
      const refusals: Refusal[] = []
      const outputs: Output<Recommendation>[] = []
      learnProfiles(state, inputs)
      for (const input of of<BehaviorEvent>(inputs, 'events')) {
        const fault = eventFault(input.value, tick)
        if (fault === null) learnEvent(state, input.value, config, tally)
        const refused = fault ?? unknownItem(input.value, view)
        if (refused !== null) refusals.push({ input, ...refused })
      }
      const requests = of<Request>(inputs, 'requests')
      const passProbability = passProbabilityOf(requests, tick, config)
      for (const input of requests) {
        const request = input.value
        const fault = requestFault(request, tick)
        if (fault !== null) refusals.push({ input, ...fault })
        else if (state.decided.has(request.request_id)) tally.add('feedloop_requests_duplicate_total')
        else {
          const decision = decide(request, userOf(state, request.user_id), tick.timeMs, view, passProbability)
          remember(state, decision.recommendation)
          tally.decided(decision)
          outputs.push({ key: request.user_id, value: decision.recommendation })
        }
      }
      return { outputs, refusals, counts: tally.counts() }
    },
    fold(state, inputs, outputs, tick) {
      learn(state, inputs, config, tick)
      for (const { value } of outputs) remember(state, value as Recommendation)
    },
  }
}

/** What a step learns of people, before it decides. */
export function learn(state: People, inputs: readonly Input[], config: Config, tick: Tick): void {
  learnProfiles(state, inputs)
  for (const { value } of of<BehaviorEvent>(inputs, 'events'))
    if (validateEvent(value, tick.timeMs, config.limits) === null) learnEvent(state, value, config)
}

function createState(config: Config): RankerState {
  const users = memoryTable<UserState>()
  const decided = decidedIds(config.limits.requestDedupMs)
  return {
    users,
    decided,
    commit() {
      users.commit()
      decided.commit()
    },
    discard() {
      users.discard()
      decided.discard()
    },
  }
}

const of = <T>(inputs: readonly Input[], topic: Input['topic']): readonly Input<T>[] =>
  inputs.filter(input => input.topic === topic) as readonly Input<T>[]

export const userOf = (state: People, userId: string): UserState => state.users.get(userId) ?? newUser

/** A null value is a deletion, and says whose by its key alone. */
function learnProfiles(state: People, inputs: readonly Input[]): void {
  for (const { key, value } of of<UserFeatures | null>(inputs, 'profiles')) {
    const userId = value?.user_id ?? key
    if (userId === null) continue
    const user = userOf(state, userId)
    if (value !== null) state.users.set(userId, applyProfile(user, value))
    else if (user.profile !== null) state.users.set(userId, { ...user, profile: null })
  }
}

/** Also a profile that is read before the erasure, since a step takes profiles first, may be from after it. */
function forget({ users }: People, { user_id: id, time_ms }: BehaviorEvent): void {
  const profile = users.get(id)?.profile ?? null
  if (profile !== null && profile.time_ms > time_ms) users.set(id, { ...newUser, profile })
  else users.delete(id)
}

function learnEvent(state: People, event: BehaviorEvent, config: Config, tally?: Tally): void {
  if (isForget(event)) {
    forget(state, event)
    return
  }
  const before = userOf(state, event.user_id)
  const after = applyEvent(before, event, config.state)
  if (after === before) tally?.add('feedloop_events_duplicate_total')
  else state.users.set(event.user_id, after)
}

function remember(state: RankerState, decision: Recommendation): void {
  state.decided.add(decision.decision_id, decision.decision_time_ms)
  const before = userOf(state, decision.user_id)
  const after = applyDecision(before, decision)
  if (after !== before) state.users.set(decision.user_id, after)
}

const unknownItem = (event: BehaviorEvent, { features, catalogueReady }: RankerView): Fault | null =>
  catalogueReady && event.item_id !== null && features.current(event.item_id) === undefined
    ? { code: 'ITEM_UNKNOWN', detail: `item_id: "${event.item_id}" is not in the catalogue` }
    : null
