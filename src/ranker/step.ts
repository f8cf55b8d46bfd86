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
import type { Input, Output, Refusal, Stage, Tick } from '../stage.ts'
import { applyDecision, applyEvent, applyProfile, newUser } from '../state/user.ts'
import { createDecide, type RankerView } from './decide.ts'
import { createTally, type Tally } from './metrics.ts'
import { passProbabilityOf } from './shed.ts'
import { createState, dropUser, type People, putUser, type RankerState, type RankerStore, userOf } from './state.ts'

export type { RankerView } from './decide.ts'
export type { RankerState } from './state.ts'

/** @param openStore where the tables of a partition are; in memory when absent */
export function createRanker(
  config: Config,
  openStore?: (partition: number, signal?: AbortSignal) => Promise<RankerStore>,
): Stage<RankerState, RankerView> {
  const decide = createDecide(config)
  const policies = new Set(config.policies.map(policy => policy.name))

  const eventFault = (event: BehaviorEvent, tick: Tick) => validateEvent(event, tick.timeMs, config.limits)
  const requestFault = (request: Request, tick: Tick) =>
    validateRequest(request, tick.timeMs, config.limits) ?? unknownPolicy(request, policies)

  return {
    name: 'ranker',
    open: (partition, signal) =>
      openStore?.(partition, signal).then(store => createState(config, store)) ?? createState(config),
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
      const passProbability = passProbabilityOf(requests, tick, config, view.features)
      for (const input of requests) {
        const request = input.value
        const fault = requestFault(request, tick)
        if (fault !== null) refusals.push({ input, ...fault })
        else if (state.decidedIds.has(request.request_id)) tally.add('feedloop_requests_duplicate_total')
        else {
          const decision = decide(request, userOf(state, request.user_id), tick.timeMs, view, passProbability)
          remember(state, { key: request.user_id, value: decision.recommendation })
          tally.decided(decision)
          outputs.push({ key: request.user_id, value: decision.recommendation })
        }
      }
      settle(state)
      return { outputs, refusals, counts: tally.counts() }
    },
    fold(state, inputs, outputs, tick) {
      const fresh = inputs.filter(input => !isContained(state, input))
      learn(state, fresh, config, tick)
      for (const output of outputs) remember(state, output as Output<Recommendation>)
      settle(state)
    },
  }
}

/** What a step learns of people, before it decides. */
export function learn(state: People, inputs: readonly Input[], config: Config, tick: Tick): void {
  learnProfiles(state, inputs)
  for (const { value } of of<BehaviorEvent>(inputs, 'events'))
    if (validateEvent(value, tick.timeMs, config.limits) === null) learnEvent(state, value, config)
}

function settle(state: RankerState): void {
  state.decidedIds.settle()
  state.seal?.()
}

const of = <T>(inputs: readonly Input[], topic: Input['topic']): readonly Input<T>[] =>
  inputs.filter(input => input.topic === topic) as readonly Input<T>[]

/** A null value is a deletion, and says whose by its key alone. */
function learnProfiles(state: People, inputs: readonly Input[]): void {
  for (const { key, value } of of<UserFeatures | null>(inputs, 'profiles')) {
    const userId = value?.user_id ?? key
    if (userId === null) continue
    const user = userOf(state, userId)
    putUser(state, userId, user, value === null ? { ...user, profile: null } : applyProfile(user, value))
  }
}

/** Also a profile that is read before the erasure, since a step takes profiles first, may be from after it. */
function forget(state: People, { user_id: id, time_ms }: BehaviorEvent): void {
  const { profile } = userOf(state, id)
  dropUser(state, id)
  if (profile !== null && profile.time_ms > time_ms) putUser(state, id, newUser, { ...newUser, profile })
}

function learnEvent(state: People, event: BehaviorEvent, config: Config, tally?: Tally): void {
  if (isForget(event)) {
    forget(state, event)
    return
  }
  const before = userOf(state, event.user_id)
  const after = applyEvent(before, event, config.state)
  if (after === before) tally?.add('feedloop_events_duplicate_total')
  else putUser(state, event.user_id, before, after)
}

/** A snapshot that is newer than the step has it already. */
function isContained(state: RankerState, { topic, key, value, offset }: Input): boolean {
  const userId = (value as { user_id?: string } | null)?.user_id ?? key
  return userId !== null && state.contains?.(userId, topic, offset) === true
}

function remember(state: RankerState, { value: decision, offset }: Output<Recommendation>): void {
  state.decidedIds.add(decision.decision_id, decision.decision_time_ms)
  if (offset !== undefined && state.contains?.(decision.user_id, 'recommendations', offset)) return
  const { sessions } = state.tables
  const before = sessions.get(decision.user_id) ?? newUser.sessions
  const after = applyDecision(before, decision)
  if (after !== before) sessions.set(decision.user_id, after)
}

const unknownItem = (event: BehaviorEvent, { features, catalogueReady }: RankerView): Fault | null =>
  catalogueReady && event.item_id !== null && features.current(event.item_id) === undefined
    ? { code: 'ITEM_UNKNOWN', detail: `item_id: "${event.item_id}" is not in the catalogue` }
    : null
