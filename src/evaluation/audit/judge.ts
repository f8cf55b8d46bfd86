/** Judges one bucket: all records of some people, in the order in which the joiner took them; and the requests of some ids, with what was decided of them. */
import type { BehaviorEvent, Recommendation, Request } from '../../../schemas/records.ts'
import type { Config } from '../../config.ts'
import { isForget } from '../../events/forget.ts'
import { batchJoin, type Gone } from '../batch.ts'
import { countDecisions, type Decided, type JudgedDecision, siftDecisions } from './decisions.ts'
import type { Ledger } from './ledger.ts'
import { auditOutcomes, type JudgedEvent, type Occurred, sift } from './outcomes.ts'
import type { DeadLetters, Read } from './read.ts'
import { isRepeat } from './repeats.ts'
import { auditRequests } from './requests.ts'
import { type Accounts, atClose, auditTransitions, type Booked, book, type Judgement } from './transitions.ts'
import { type Moment, SLACK_MS, type Walk } from './walk.ts'

export type Entry =
  | { readonly request: Read<Pick<Request, 'request_id'>> }
  /** Id of a decision, where the requests for it are: whoever asks for it again, under whatever name. */
  | { readonly decided: string }
  | { readonly decision: Decided }
  | { readonly event: Occurred }
  | { readonly transition: Booked }

export interface BucketFacts {
  readonly config: Config
  readonly partition: number
  readonly partitions: number
  readonly letters: DeadLetters
  readonly walk: Walk
}

export function judgeBucket(ledger: Ledger, entries: readonly Entry[], facts: BucketFacts): void {
  const { config, partition, letters, walk } = facts
  const requests: Read<Pick<Request, 'request_id'>>[] = []
  const ids = new Set<string>()
  const made: Decided[] = []
  const occurred: Occurred[] = []
  const accounts: Accounts = new Map()
  for (const entry of entries)
    if ('request' in entry) requests.push(entry.request)
    else if ('decided' in entry) ids.add(entry.decided)
    else if ('decision' in entry) made.push(entry.decision)
    else if ('event' in entry) occurred.push(entry.event)
    else book(accounts, entry.transition)
  auditRequests(ledger, { partition, requests, decided: ids, letters, next: walk.ranked, isCut: walk.isCut })

  const sifted = siftDecisions(ledger, made, letters, partition)
  const keepMs = Math.max(...config.policies.map(policy => policy.correctionWindowMs))
  const accepted = sift(ledger, occurred, facts, keepMs)
  const { known, strangers } = byPolicy(config, sifted)
  const { decisions, events, forgotten } = withoutForgotten(ledger, known, accepted)
  ledger.decisions.unjudged += strangers.size
  const { gone, unsure } = meeting(decisions, events, keepMs, walk.nowMs)
  const batch = batchJoin(
    decisions.map(each => each.value),
    events.map(each => each.event),
    config,
    gone,
  )
  auditOutcomes(ledger, events, facts, { ...walk, batch, keepMs, strangers, unsure })

  const byId = new Map(decisions.map(each => [each.value.decision_id, each]))
  const judgement = (id: string): Judgement => {
    if (forgotten.has(id) || strangers.has(id)) return 'revisions'
    const known = byId.get(id)
    if (!known) return walk.isCut ? 'unjudged' : 'whole'
    if (known.moment.context) return 'unjudged'
    return unsure.has(id) ? 'revisions' : 'whole'
  }
  const windows = atClose(config)
  const isOpen = (id: string): boolean => {
    const { policy, request_time_ms } = byId.get(id)!.value
    return windows.has(policy) && request_time_ms + windows.get(policy)! + SLACK_MS > walk.nowMs
  }
  auditTransitions(ledger, accounts, { batch, judgement, isOpen })
  countDecisions(ledger, batch, accounts, id => !byId.get(id)!.moment.context)
}

/** Decisions of policies that the configuration no longer has: by what rules their transitions were made is not known. */
function byPolicy(config: Config, all: readonly JudgedDecision[]) {
  const names = new Set(config.policies.map(({ name }) => name))
  const known = all.filter(({ value }) => names.has(value.policy))
  const strangers = all.filter(({ value }) => !names.has(value.policy)).map(({ value }) => value.decision_id)
  return { known, strangers: new Set(strangers) }
}

/** Takes out what came before a `$forget` of its user; within a step the joiner takes decisions first. */
function withoutForgotten(ledger: Ledger, all: readonly JudgedDecision[], occurred: readonly JudgedEvent[]) {
  const last = new Map<string, JudgedEvent>()
  for (const each of occurred) if (isForget(each.event)) last.set(each.event.user_id, each)
  const isGone = ({ value, moment }: JudgedDecision) => moment.step <= (last.get(value.user_id)?.moment.step ?? -1)
  const wasErased = ({ event, offset }: JudgedEvent) => offset < (last.get(event.user_id)?.offset ?? -1)
  const gone = all.filter(isGone)
  const events = occurred.filter(each => !wasErased(each))
  ledger.decisions.forgotten += gone.length
  ledger.outcomes.forgotten += occurred.length - events.length
  return {
    decisions: all.filter(each => !isGone(each)),
    events,
    forgotten: new Set(gone.map(({ value }) => value.decision_id)),
  }
}

/** Which records the joiner had dropped when others came: they had retired by its clock. Near the bound it cannot be known; `unsure` collects decisions of which that is so. */
function meeting(decisions: readonly JudgedDecision[], events: readonly JudgedEvent[], keepMs: number, nowMs: number) {
  // by id: the batch join hands back events with their place, which are not the same objects
  const nameOf = (each: Recommendation | BehaviorEvent) =>
    'event_id' in each ? `event ${each.event_id}` : `decision ${each.decision_id}`
  const moments = new Map<string, Moment>()
  for (const { value, moment } of decisions) moments.set(nameOf(value), moment)
  for (const { event, moment } of events) moments.set(nameOf(event), moment)
  const unsure = new Set<string>()
  const timeOf = (each: Recommendation | BehaviorEvent) => ('event_id' in each ? each.time_ms : each.request_time_ms)
  const stepOf = (each: Recommendation | BehaviorEvent) => moments.get(nameOf(each))!.step
  /** Can one that came before have been there still when an event came again? */
  const outlasts = (one: Recommendation | BehaviorEvent, repeat: BehaviorEvent): boolean =>
    stepOf(one) >= stepOf(repeat) || ('request_time_ms' in one && timeOf(one) > timeOf(repeat))
  const gone: Gone = (one, other) => {
    if ('event_id' in other && isRepeat(other)) {
      if (!outlasts(one, other)) return true
      if ('request_time_ms' in one) unsure.add(one.decision_id)
    }
    // most have not retired to this day: said first, since it is asked for each pair of a person's records
    if (nowMs - timeOf(one) < keepMs) return false
    const [a, b] = [moments.get(nameOf(one))!, moments.get(nameOf(other))!]
    const lateMs = b.clockMs - timeOf(one) - keepMs
    if (a.step >= b.step || lateMs < 0) return false
    if (lateMs < SLACK_MS) for (const each of [one, other]) if ('request_time_ms' in each) unsure.add(each.decision_id)
    return true
  }
  return { gone, unsure }
}
