/**
 * Touches: all decisions that showed one item to one user, and the outcomes on it that name no decision. Which decisions
 * an outcome counts for depends on the set of both only, so a decision that arrives late takes over what is its own.
 *
 * An outcome counts once in all, whatever the number of policies: the last touch says whose it is, and that policy's
 * `attribution` which of its decisions share it. Decisions after the outcome (backwardWindowMs) are touched only where
 * none came before it, for a person cannot react to what they have not seen. Once one of its decisions is past correction
 * an outcome stays where it is: nothing could be taken back there.
 *
 * Both lists are in order, and a record looks only at those near it in time: one account may touch one item for days.
 */
import type { BehaviorEvent } from '../../schemas/records.ts'
import type { PolicyConfig } from '../config.ts'
import { cancellations, following } from './cancel.ts'

/** One decision that showed an item to a user. */
export interface Shown {
  readonly id: string
  readonly policy: string
  readonly timeMs: number
}

export interface Touching {
  readonly event: BehaviorEvent
  /** Decisions that share it now, in order; empty: none. */
  readonly to: readonly string[]
  /** It names its decision, or one that it has is past correction. */
  readonly fixed: boolean
  /** Its fate is counted: it has or had a decision. */
  readonly counted: boolean
  /** The outcome that it takes back, cancel.ts. */
  readonly follows: string | null
}

/** All decisions that showed one item to one user, and the outcomes on it that name no decision, or that one which names
 * none may take back; in order of time, then id. */
export interface Touch {
  readonly shown: readonly Shown[]
  readonly events: readonly Touching[]
}

/** Policies by name, and the longest of their windows. */
export interface Reach {
  readonly policies: ReadonlyMap<string, PolicyConfig>
  readonly windowMs: number
  readonly backwardMs: number
  /** What an outcome type takes back under some policy. Such a type is no reward under any, where it names no decision. */
  readonly cancels: ReadonlyMap<string, ReadonlySet<string>>
  /** Types that take something back or may be taken back. */
  readonly cancellable: ReadonlySet<string>
}

export function reachOf(policies: readonly PolicyConfig[]): Reach {
  const cancels = cancelsOf(policies)
  return {
    policies: new Map(policies.map(policy => [policy.name, policy])),
    windowMs: Math.max(...policies.map(each => each.attributionWindowMs)),
    backwardMs: Math.max(...policies.map(each => each.backwardWindowMs)),
    cancels,
    cancellable: new Set([...cancels].flatMap(([type, types]) => [type, ...types])),
  }
}

function cancelsOf(policies: readonly PolicyConfig[]): Reach['cancels'] {
  const cancels = new Map<string, Set<string>>()
  for (const [type, component] of policies.flatMap(({ rewards }) => Object.entries(rewards)))
    if (component.cancels) cancels.set(type, new Set([...(cancels.get(type) ?? []), component.cancels]))
  for (const canceller of cancels.keys()) for (const types of cancels.values()) types.delete(canceller)
  return cancels
}

export const emptyTouch: Touch = { shown: [], events: [] }

export const isEmptyTouch = ({ shown, events }: Touch): boolean => shown.length + events.length === 0

/** Without an outcome that is forgotten. What took it back can take back no other. */
export const withoutEvent = ({ shown, events }: Touch, id: string): Touch => ({
  shown,
  events: events
    .filter(each => each.event.event_id !== id)
    .map(each => (each.follows === id ? { ...each, fixed: true } : each)),
})

export const touchKey = (userId: string, itemId: string): string => `${userId}\0${itemId}`

const shownTime = (each: Shown): number => each.timeMs
const eventTime = ({ event }: Touching): number => event.time_ms

/** The first place whose time is after `timeMs`. */
function placeAfter<T>(list: readonly T[], timeOf: (each: T) => number, timeMs: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timeOf(list[middle]) <= timeMs) low = middle + 1
    else high = middle
  }
  return low
}

function inserted<T>(list: readonly T[], one: T, timeOf: (each: T) => number, idOf: (each: T) => string): T[] {
  let at = placeAfter(list, timeOf, timeOf(one))
  while (at > 0 && timeOf(list[at - 1]) === timeOf(one) && idOf(list[at - 1]) > idOf(one)) at--
  return list.toSpliced(at, 0, one)
}

const withShownIn = (list: readonly Shown[], one: Shown) => inserted(list, one, shownTime, each => each.id)
const withEventIn = (list: readonly Touching[], one: Touching) =>
  inserted(list, one, eventTime, each => each.event.event_id)

/** An outcome that goes from some decisions to others. */
export interface Move {
  readonly event: BehaviorEvent
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** It had none before. */
  readonly isFirst: boolean
}

export interface Change {
  readonly touch: Touch
  readonly moves: readonly Move[]
}

/** With one more decision: outcomes near it may be its own now. */
export function withShown(before: Touch, one: Shown, reach: Reach): Change {
  const touch = { shown: withShownIn(before.shown, one), events: [...before.events] }
  const moves: Move[] = []
  for (const [at, each] of nearby(touch.events, one.timeMs, reach))
    if (!each.fixed && !reach.cancels.has(each.event.type))
      touch.events[at] = moved(each, touched(touch.shown, each.event, reach), moves)
  return withCancellers(touch, moves, reach)
}

/** With one more outcome. */
export function withEvent({ shown, events }: Touch, event: BehaviorEvent, reach: Reach): Change {
  const moves: Move[] = []
  const fresh = { event, to: [], fixed: false, counted: false, follows: null }
  const to = reach.cancels.has(event.type) ? [] : touched(shown, event, reach)
  return withCancellers({ shown, events: withEventIn(events, moved(fresh, to, moves)) }, moves, reach)
}

/** With one more outcome that names its decision. */
export const withNamed = ({ shown, events }: Touch, event: BehaviorEvent, reach: Reach): Change => {
  const named = { event, to: [event.decision_id!], fixed: true, counted: true, follows: null }
  return withCancellers({ shown, events: withEventIn(events, named) }, [], reach)
}

/** Cancellers go where what they take back has gone. */
function withCancellers(touch: Touch, moves: Move[], reach: Reach): Change {
  if (!touch.events.some(({ event }) => reach.cancels.has(event.type) && event.decision_id === null))
    return { touch, moves }
  const outcomes = cancellations(touch, reach)
  const events = touch.events.map(each => {
    if (each.fixed || !reach.cancels.has(each.event.type)) return each
    const outcome = outcomes.get(each)
    const to = outcome ? following(each, outcome, touch, reach) : []
    return { ...moved(each, to, moves), follows: outcome?.event.event_id ?? null }
  })
  return { touch: { shown: touch.shown, events }, moves }
}

/** @param moves takes note of it */
function moved(each: Touching, to: readonly string[], moves: Move[]): Touching {
  if (sameIds(each.to, to)) return each
  moves.push({ event: each.event, from: each.to, to, isFirst: !each.counted })
  return { ...each, to, counted: true }
}

const sameIds = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id, at) => id === b[at])

/** Without a decision that is past correction: what it has stays with it, nothing comes to it any more. */
export function withoutShown({ shown, events }: Touch, id: string, timeMs: number, reach: Reach): Touch {
  const left = [...events]
  const near = reach.cancels.size > 0 ? events.entries() : nearby(events, timeMs, reach)
  for (const [at, each] of near) if (!each.fixed && each.to.includes(id)) left[at] = { ...each, fixed: true }
  const at = shown.findIndex(each => each.id === id)
  return { shown: at < 0 ? shown : shown.toSpliced(at, 1), events: left }
}

/** Outcomes in some window of a decision at `timeMs`. */
function* nearby(events: readonly Touching[], timeMs: number, { windowMs, backwardMs }: Reach) {
  for (let at = placeAfter(events, eventTime, timeMs - backwardMs - 1); at < events.length; at++) {
    if (events[at].event.time_ms > timeMs + windowMs) return
    yield [at, events[at]] as const
  }
}

/** The decisions that an outcome counts for, by the way of the policy of the last touch.
 * @param shown in order @returns ids in order; each gets an equal part */
function touched(shown: readonly Shown[], event: BehaviorEvent, reach: Reach): readonly string[] {
  const { time_ms: timeMs } = event
  const within = (fromMs: number, toMs: number): Shown[] =>
    shown
      .slice(placeAfter(shown, shownTime, fromMs - 1), placeAfter(shown, shownTime, toMs))
      .filter(each => isCandidate(each, event, reach))
  const before = within(timeMs - reach.windowMs, timeMs)
  const candidates = before.length > 0 ? before : within(timeMs + 1, timeMs + reach.backwardMs)
  if (candidates.length === 0) return []
  const nearest = before.length > 0 ? candidates.at(-1)! : candidates[0]
  const own = candidates.filter(each => each.policy === nearest.policy)
  const way = reach.policies.get(nearest.policy)!.attribution
  if (way === 'even-split') return own.map(each => each.id)
  return [way === 'first-touch' ? own[0].id : nearest.id]
}

/** Its policy rewards the type, and the outcome is in its window. */
function isCandidate({ policy, timeMs }: Shown, { type, time_ms }: BehaviorEvent, { policies }: Reach): boolean {
  const { rewards, attributionWindowMs, backwardWindowMs } = policies.get(policy)!
  const ageMs = time_ms - timeMs
  return rewards[type] !== undefined && (ageMs >= 0 ? ageMs <= attributionWindowMs : -ageMs <= backwardWindowMs)
}
