/**
 * What a record must satisfy beyond its schema, before any stage believes it. Pure and cheap: ranker and joiner call
 * these on every input. A fault is an answer, not an exception: the record goes to the dead letters with its code and
 * the stage goes on. Whether an item exists is the ranker's knowledge and is not checked here.
 */
import type { BehaviorEvent, Item, Request, UserProfile } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { ErrorCode } from '../errors.ts'
import { badReserved, isReserved } from './forget.ts'
import { holdNul, namesTwice } from './ids.ts'

export interface Fault {
  readonly code: ErrorCode
  readonly detail: string
}

/** How much a record may ask for, and how far ahead of the clock it may be. */
export type Limits = Pick<Config['limits'], 'futureSkewMs' | 'maxCandidates' | 'maxSlots' | 'maxValue'>

const invalid = (detail: string): Fault => ({ code: 'RECORD_INVALID', detail })

/** NUL parts the ids in the tables' keys. */
export function badId(name: string, id: string | null): Fault | null {
  if (id === '') return invalid(`${name} is empty`)
  return id?.includes('\0') ? invalid(`${name} holds NUL`) : null
}

function badTime(timeMs: number, nowMs: number, limits: Limits): Fault | null {
  if (!(timeMs > 0)) return invalid(`time_ms: ${timeMs} is not a time`)
  const aheadMs = timeMs - nowMs
  if (aheadMs <= limits.futureSkewMs) return null
  return { code: 'TIME_IN_FUTURE', detail: `time_ms: ${timeMs} is ${aheadMs} ms ahead` }
}

/** A list of ids: none empty or with NUL, none twice, at most `max`, at least one. */
function badIds(name: string, ids: readonly string[], max: number): Fault | null {
  if (ids.length === 0) return invalid(`${name} is an empty list; null means all`)
  if (ids.length > max) return invalid(`${name}: ${ids.length} ids, more than ${max}`)
  if (ids.includes('')) return invalid(`${name} holds an empty id`)
  if (holdNul(ids)) return invalid(`${name} holds an id with NUL`)
  return namesTwice(ids) ? invalid(`${name} names an id twice`) : null
}

/** A policy that nobody configured decides nothing: RECORD_INVALID. */
export const unknownPolicy = ({ policy }: Pick<Request, 'policy'>, policies: ReadonlySet<string>): Fault | null =>
  policies.has(policy) ? null : invalid(`policy: "${policy}" is not configured`)

/** A wish for a recommendation: RECORD_INVALID, TIME_IN_FUTURE. */
export function validateRequest(request: Request, nowMs: number, limits: Limits): Fault | null {
  const { slots, candidates, baseline, excluded, pinned } = request
  if (slots < 1 || slots > limits.maxSlots) return invalid(`slots: ${slots} is not within 1 … ${limits.maxSlots}`)
  return (
    badId('request_id', request.request_id) ??
    badId('user_id', request.user_id) ??
    badId('policy', request.policy) ??
    badId('session_id', request.session_id) ??
    (baseline && badIds('baseline', baseline, limits.maxSlots)) ??
    (excluded && badIds('excluded', excluded, limits.maxCandidates)) ??
    (pinned && badPins(pinned, slots, limits)) ??
    // last of the lists: its hashes are wanted next (src/state/text-hash.ts)
    (candidates && badIds('candidates', candidates, limits.maxCandidates)) ??
    badTime(request.time_ms, nowMs, limits)
  )
}

/** Each place and each item once, within the slate. */
function badPins(pinned: NonNullable<Request['pinned']>, slots: number, { maxSlots }: Limits): Fault | null {
  const outside = pinned.find(({ position }) => position < 0 || position >= slots)
  if (outside) return invalid(`pinned: position ${outside.position} is not within 0 … ${slots - 1}`)
  const places = new Set(pinned.map(({ position }) => position))
  if (places.size < pinned.length) return invalid('pinned names a position twice')
  const ids = pinned.map(({ item_id }) => item_id)
  return badIds('pinned', ids, maxSlots)
}

/** Something a person did: RECORD_INVALID, TIME_IN_FUTURE, REWARD_NOT_FINITE, REWARD_TOO_LARGE. */
export function validateEvent(event: BehaviorEvent, nowMs: number, limits: Limits): Fault | null {
  const { value, slot } = event
  if (value !== null && !Number.isFinite(value)) return { code: 'REWARD_NOT_FINITE', detail: `value: ${value}` }
  if (value !== null && Math.abs(value) > limits.maxValue)
    return { code: 'REWARD_TOO_LARGE', detail: `value: ${value} is more than ${limits.maxValue}` }
  if (slot !== null && slot < 0) return invalid(`slot: ${slot} is below 0`)
  const reserved = badReserved(event)
  if (reserved) return invalid(reserved)
  return (
    badId('event_id', event.event_id) ??
    badId('user_id', event.user_id) ??
    badId('type', event.type) ??
    badId('session_id', event.session_id) ??
    badId('decision_id', event.decision_id) ??
    badId('item_id', event.item_id) ??
    badTime(event.time_ms, nowMs, limits)
  )
}

/** What comes from outside may not use the types that are ours. */
export const validateForeignEvent = (event: BehaviorEvent, nowMs: number, limits: Limits): Fault | null =>
  isReserved(event.type) ? invalid(`type: ${event.type} is reserved`) : validateEvent(event, nowMs, limits)

/** A state of an item: RECORD_INVALID, TIME_IN_FUTURE. */
export const validateItem = (item: Item, nowMs: number, limits: Limits): Fault | null =>
  badId('item_id', item.item_id) ?? badTime(item.time_ms, nowMs, limits)

/** A state of a user profile: RECORD_INVALID, TIME_IN_FUTURE. */
export const validateProfile = (profile: UserProfile, nowMs: number, limits: Limits): Fault | null =>
  badId('user_id', profile.user_id) ?? badTime(profile.time_ms, nowMs, limits)
